"""A file goes through the admin in two steps: what would change, then all of it or nothing."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from instruments.admin.shared.uploads import UploadGone, Uploads
from instruments.models import BondPosition, Book, Swap
from instruments.trade_repository import current_version

IMPORT = "/admin/instruments/swap/import/"
CONFIRM = "/admin/instruments/swap/process_import/"
HEADER = "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book"
LINES = (
    "S1,USD-SOFR-OIS,pay,10000000,2023-03-15,10Y,0.0375,B1",
    "S2,USD-SOFR-OIS,receive,5000000,2023-03-15,5Y,0.04,B1",
)


def upload(client: Client, *lines: str, name: str = "swaps.csv") -> Any:
    content = "\n".join((HEADER, *lines)).encode()
    file = SimpleUploadedFile(name, content)
    return client.post(IMPORT, {"import_file": file, "format": "0", "resource": "0"})


def confirm(client: Client, page: Any) -> Any:
    return client.post(CONFIRM, page.context["confirm_form"].initial, follow=True)


def text_of(page: Any) -> str:
    bare = re.sub(r"<[^>]+>", " ", page.content.decode())
    return re.sub(r"\s+", " ", bare)


def said(page: Any) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def test_the_page_shows_what_would_change_and_writes_nothing(
    admin_client: Client, swap: Swap
) -> None:
    text = text_of(upload(admin_client, *LINES))
    assert "1 new, 1 changed, 0 unchanged. Nothing is written yet." in text
    assert "fixed_rate 0.035 0.0375" in text
    assert "S2 new" in text
    assert (Swap.objects.count(), Swap.objects.get().version) == (1, 1)


def test_what_is_confirmed_is_loaded_as_one_change_with_user_and_file_in_the_history(
    admin_client: Client, admin_user: Any, swap: Swap
) -> None:
    before = current_version()
    page = confirm(admin_client, upload(admin_client, *LINES))
    assert said(page) == [f"Loaded: 1 new, 1 changed, 0 unchanged. Book version {before + 1}."]
    line = Swap.history.filter(trade_id="S1").first()
    assert (line.history_user, line.history_change_reason) == (admin_user, "swaps.csv")
    assert current_version() == before + 1


def test_one_of_several_sheets_is_checked_and_loaded(admin_client: Client, book: Book) -> None:
    workbook, content = openpyxl.Workbook(), io.BytesIO()
    workbook.active.append(["notes"])
    sheet = workbook.create_sheet("Swaps")
    for line in (HEADER, *LINES):
        sheet.append(line.split(","))
    workbook.save(content)

    def upload_workbook(**fields: str) -> Any:
        file = SimpleUploadedFile("swaps.xlsx", content.getvalue())
        sent = {"import_file": file, "format": "0", "resource": "0", **fields}
        return admin_client.post(IMPORT, sent)

    assert 'name="sheet"' in admin_client.get(IMPORT).content.decode()
    assert "has 2 sheets with cells (Sheet, Swaps)" in text_of(upload_workbook())
    page = upload_workbook(sheet="Swaps")
    assert "2 new, 0 changed" in text_of(page)
    confirm(admin_client, page)
    assert Swap.objects.count() == 2


def test_a_file_cannot_be_confirmed_twice(admin_client: Client, book: Book) -> None:
    page = upload(admin_client, *LINES)
    confirm(admin_client, page)
    assert said(confirm(admin_client, page)) == ["The uploaded file has expired: upload it again"]


def test_errors_are_said_by_row_and_column_and_cannot_be_confirmed(
    admin_client: Client, book: Book
) -> None:
    page = upload(admin_client, LINES[0], LINES[1].replace("5000000", '"1.000.000,00"'))
    assert "row 3: column notional: &#x27;1.000.000,00&#x27; is not a number (use 1000000.00)" in (
        text_of(page)
    )
    assert "confirm_form" not in page.context
    assert Swap.objects.count() == 0


def test_a_file_that_is_no_table_has_its_sentence_on_the_page(
    admin_client: Client, book: Book
) -> None:
    file = SimpleUploadedFile("swaps.xlsx", b"PK\x03\x04 no workbook")
    page = admin_client.post(IMPORT, {"import_file": file, "format": "0"})
    assert "The file is a ZIP archive but not" in text_of(page)
    empty = admin_client.post(IMPORT, {"import_file": SimpleUploadedFile("a.csv", b"")})
    assert "The submitted file is empty." in text_of(empty)


def test_what_changed_between_the_two_steps_is_checked_again(
    admin_client: Client, book: Book
) -> None:
    page = upload(admin_client, *LINES)
    Book.objects.get().delete()
    answer = confirm(admin_client, page)
    assert said(answer)[0] == "Nothing was written."
    assert "column book: 'B1' does not exist" in said(answer)[1]
    assert Swap.objects.count() == 0


def test_a_long_difference_is_cut_and_its_rest_counted(admin_client: Client, book: Book) -> None:
    lines = (LINES[0].replace("S1", f"S{i:04d}") for i in range(250))
    text = text_of(upload(admin_client, *lines))
    assert "and 50 rows more that are new or change." in text


def test_a_trader_loads_into_books_of_the_own_desk_only(swap: Swap, django_user_model: Any) -> None:
    trader = django_user_model.objects.create_user("trader", is_staff=True)
    trader.groups.add(Group.objects.get(name="trader"))
    client = Client()
    client.force_login(trader)
    assert "does not exist; there are no books yet" in text_of(upload(client, LINES[1]))
    swap.book.desk.traders.add(trader)
    assert "1 new, 0 changed" in text_of(upload(client, LINES[1]))


@pytest.mark.parametrize("address", ["import/", "process_import/"])
def test_who_may_only_read_cannot_load(swap: Swap, django_user_model: Any, address: str) -> None:
    viewer = django_user_model.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client = Client()
    client.force_login(viewer)
    assert client.post(f"/admin/instruments/swap/{address}").status_code == 403
    page = client.get("/admin/instruments/swap/").content.decode()
    assert "/swap/import/" not in page
    assert "/swap/export/" in page


def test_the_list_is_exported_as_it_is_filtered(admin_client: Client, swap: Swap) -> None:
    confirm(admin_client, upload(admin_client, LINES[1]))
    address = "/admin/instruments/swap/export/?pay_receive__exact=receive"
    page = admin_client.post(address, {"format": "0", "resource": "0"})
    assert page["Content-Disposition"].endswith('.csv"')
    assert [line.split(",")[0] for line in page.content.decode().split()] == ["trade_id", "S2"]
    picked = {"action": "export_selected", "_selected_action": [swap.pk]}
    chosen = admin_client.post("/admin/instruments/swap/", picked).content.decode()
    assert [line.split(",")[0] for line in chosen.split()] == ["trade_id", "S1"]


@pytest.mark.parametrize("table", ["issuer", "bond", "swap", "fixing", "fxrate", "desk"])
def test_every_table_has_templates_and_a_page_of_its_columns(
    admin_client: Client, db: None, table: str
) -> None:
    for name in ("csv", "xlsx"):
        page = admin_client.get(f"/admin/instruments/{table}/template.{name}")
        assert page.status_code == 200
        assert f'.{name}"' in page["Content-Disposition"]
    assert admin_client.get(f"/admin/instruments/{table}/template.pdf").status_code == 404
    assert "Allowed" in text_of(admin_client.get(f"/admin/instruments/{table}/columns/"))


@pytest.mark.parametrize("name", ["", "../secrets", "/etc/passwd", "x" * 32])
def test_no_file_is_read_that_was_not_uploaded(name: str) -> None:
    with pytest.raises(UploadGone):
        Uploads(name).read()


def test_a_value_that_may_be_a_mistake_is_shown_before_it_is_loaded(
    admin_client: Client, position: BondPosition
) -> None:
    content = f"trade_id,clean_price\n{position.trade_id},1.01\n".encode()
    file = SimpleUploadedFile("positions.csv", content)
    address = "/admin/instruments/bondposition/import/"
    page = admin_client.post(address, {"import_file": file, "format": "0", "resource": "0"})
    assert "Look at these values before you load the file." in text_of(page)
    assert "row 2: column clean_price: 1.01 is read as 1.01 % of face" in text_of(page)

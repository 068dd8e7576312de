"""Import and export pages of the admin: a dry run that shows the changes, then one transaction.

The pages belong to django-import-export; the loading is ``instruments.loading``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import Format
from import_export.forms import ConfirmImportForm
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.widgets import UnfoldAdminTextInputWidget

from instruments import access, loading
from instruments.admin.shared.uploads import UploadGone, Uploads
from instruments.loading import LoadResult, RowResult, TableSpec, kind_of

ROWS_SHOWN = 200
"""Number of differences shown on the confirmation page."""

ROWS_READ = 1_000
SHEET_NAME_CHARACTERS = 31
"""Excel's limit of a sheet's name."""


class AnyTable(Format):  # type: ignore[misc]
    """The format of uploads: CSV or XLSX, as the content decides."""

    def __init__(self, encoding: str | None = None) -> None:
        """The encoding is UTF-8, always."""

    def get_title(self) -> str:
        return "CSV or XLSX"

    def can_import(self) -> bool:
        return True

    def create_dataset(self, in_stream: bytes) -> bytes:
        """Return the content unchanged: the importer reads it with the table's columns."""
        return in_stream


class _Written(Format):  # type: ignore[misc]
    """A format of exports."""

    name: ClassVar[str]

    def get_title(self) -> str:
        return self.name.upper()

    def can_export(self) -> bool:
        return True

    def get_extension(self) -> str:
        return self.name

    def get_content_type(self) -> str:
        return loading.CONTENT_TYPES[self.name]

    def export_data(self, dataset: QuerySet[Any], **_options: Any) -> bytes:
        return loading.export(kind_of(dataset.model), dataset.iterator(ROWS_READ), self.name)


class Csv(_Written):
    name = "csv"


class Xlsx(_Written):
    name = "xlsx"


class UploadForm(ImportForm):  # type: ignore[misc]
    """Refuses a file that is too long before reading it."""

    sheet = forms.CharField(
        required=False,
        max_length=SHEET_NAME_CHARACTERS,
        widget=UnfoldAdminTextInputWidget,
        help_text="Required when several sheets of a workbook have cells",
    )

    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > loading.MOST_BYTES:
            raise forms.ValidationError(
                f"The file is larger than {loading.MOST_BYTES // 2**20} MB: split it"
            )
        return file


class ConfirmForm(ConfirmImportForm):  # type: ignore[misc]
    """Keeps the name of the sheet that was checked."""

    sheet = forms.CharField(required=False, widget=forms.HiddenInput())


@dataclass
class Preview:
    """The attributes of a result that django-import-export's views and the page use."""

    loaded: LoadResult = field(default_factory=LoadResult)
    refused: list[str] = field(default_factory=list)

    def has_errors(self) -> bool:
        return bool(self.refused) or self.loaded.failed

    def has_validation_errors(self) -> bool:
        return False

    def sentences(self) -> list[str]:
        return self.refused or self.loaded.sentences()

    def doubts(self) -> list[str]:
        return self.loaded.doubts()

    def differences(self) -> list[RowResult]:
        return [row for row in self.loaded.rows if row.status in ("new", "update")][:ROWS_SHOWN]

    @property
    def more(self) -> int:
        counts = self.loaded.counts
        return max(0, counts["new"] + counts["update"] - ROWS_SHOWN)


class Importer:
    """The resource of a kind."""

    kind: ClassVar[TableSpec]

    def __init__(self, **_options: Any) -> None:
        pass

    @classmethod
    def get_display_name(cls) -> str:
        return cls.kind.name

    def get_user_visible_fields(self) -> list[Any]:
        return [SimpleNamespace(column_name=name) for name in self.kind.columns]

    def import_data(
        self,
        dataset: bytes,
        *,
        dry_run: bool,
        user: Any,
        file_name: str = "",
        sheet: str = "",
        **_options: Any,
    ) -> Preview:
        try:
            table = loading.read_table(dataset, self.kind, sheet=sheet or None)
            loaded = loading.load(
                self.kind,
                table,
                user=user,
                reason=file_name,
                dry_run=dry_run,
                books=access.books_written(user),
                books_seen=access.books_seen(user),
            )
        except loading.BadFile as error:
            return Preview(refused=list(error.errors))
        except loading.Conflict as error:
            return Preview(refused=[str(error)])
        return Preview(loaded)

    def export(self, queryset: QuerySet[Any], **_options: Any) -> QuerySet[Any]:
        """The rows with what their columns show; the format writes them."""
        joined = [column.name for column in self.kind.stored if column.refers is not None]
        return queryset.select_related(*joined) if joined else queryset


class FilesMixin(ImportExportMixin):  # type: ignore[misc]
    """Import, export, templates and the page of the columns."""

    import_template_name = "instruments/import.html"
    import_form_class = UploadForm
    confirm_form_class = ConfirmForm
    export_form_class = ExportForm
    tmp_storage_class = Uploads
    skip_admin_log = True  # the history says more

    @property
    def kind(self) -> TableSpec:
        return kind_of(self.model)

    def get_resource_classes(self, request: HttpRequest) -> list[type[Importer]]:
        return [type("Importer", (Importer,), {"kind": self.kind})]

    def get_import_formats(self) -> list[type[Format]]:
        return [AnyTable]

    def get_export_formats(self) -> list[type[Format]]:
        return [Csv, Xlsx]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A file may make rows and change them."""
        return bool(self.has_add_permission(request) and self.has_change_permission(request))

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def get_urls(self) -> list[Any]:
        name = "{}_{}".format(*self.get_model_info())
        own = [
            path("columns/", self.admin_site.admin_view(self.columns), name=f"{name}_columns"),
            path(
                "template.<str:format_name>",
                self.admin_site.admin_view(self.template),
                name=f"{name}_template",
            ),
        ]
        return [*own, *super().get_urls()]

    def template(self, request: HttpRequest, format_name: str) -> HttpResponse:
        self._must_see(request)
        if format_name not in loading.FORMATS:
            raise Http404
        content = loading.template(self.kind, format_name)
        return _file(content, f"{self.kind.name}.{format_name}", format_name)

    def columns(self, request: HttpRequest) -> HttpResponse:
        """Return what each column means and may hold."""
        self._must_see(request)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Columns of {self.kind.name}",
            "opts": self.model._meta,
            "kind": self.kind,
            "columns": self.kind.described(),
        }
        return TemplateResponse(request, "instruments/columns.html", context)

    def _must_see(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def get_import_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_context_data(**kwargs), "kind": self.kind}

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        """The sheet goes along to the second step."""
        initial: dict[str, Any] = super().get_confirm_form_initial(request, import_form)
        sheet = import_form.cleaned_data.get("sheet", "") if import_form is not None else ""
        return {**initial, "sheet": sheet}

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        """The sheet is the only option of the importer that the forms give."""
        sheet = kwargs["form"].cleaned_data.get("sheet", "")
        options: dict[str, Any] = super().get_import_data_kwargs(**kwargs)
        return {**options, "sheet": sheet}

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Write the confirmed rows, after checking all of them again."""
        try:
            answer: HttpResponse = super().process_import(request, **kwargs)
        except UploadGone as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self._address("import"))
        return answer

    def process_result(self, result: Preview, request: HttpRequest) -> HttpResponse:
        if result.has_errors():
            self.message_user(request, "Nothing was written.", messages.ERROR)
            for sentence in result.sentences()[:10]:
                self.message_user(request, sentence, messages.ERROR)
            return HttpResponseRedirect(self._address("import"))
        counts = result.loaded.counts
        said = f"{counts['new']} new, {counts['update']} changed, {counts['skip']} unchanged"
        version = f"Book version {result.loaded.book_version}."
        self.message_user(request, f"Loaded: {said}. {version}", messages.SUCCESS)
        return HttpResponseRedirect(self._address("changelist"))

    def _address(self, view: str) -> str:
        return reverse("admin:{}_{}_{}".format(*self.get_model_info(), view))

    def export_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        rows = Importer.export(type("_", (Importer,), {"kind": self.kind})(), queryset)
        content = loading.export(self.kind, _each(rows), "csv")
        return _file(content, f"{self.kind.name}.csv", "csv")

    export_selected.short_description = "Export selected rows as CSV"  # type: ignore[attr-defined]


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    yield from rows.iterator(ROWS_READ)


def _file(content: bytes, name: str, format_name: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=loading.CONTENT_TYPES[format_name],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

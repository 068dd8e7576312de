"""Serializers of the security master; validation itself is in the models."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from instruments import access, what_if
from instruments.api.refusals import Conflict, StaleVersion, refuse_unknown, unknown_code
from instruments.models import (
    Bond,
    BondFuture,
    BondPosition,
    Book,
    Counterparty,
    Deliverable,
    Desk,
    Fixing,
    FxRate,
    InterestRateFuture,
    Issuer,
    Limit,
    ScenarioShock,
    SetStatus,
    StaleRow,
    Swap,
    TemporaryLimit,
    Trade,
    WhatIfSet,
)
from instruments.models.row import PricedRow
from pricing.errors import BadInput
from pricing.products.registry import PRODUCTS

Values = dict[str, Any]
OWN = ("version", "created", "updated")


class CodeField(serializers.SlugRelatedField[Any]):
    """Another row, by its code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="code", **kwargs)

    def to_internal_value(self, data: object) -> Any:
        """The row; an unknown code is answered with those there are."""
        rows: QuerySet[Any] = self.get_queryset()  # type: ignore[assignment]
        # Rows that a user may not see are treated as missing; their codes are not revealed.
        rows = access.visible(self.context["request"].user, rows)
        found = (
            rows.filter(code=data).first() if isinstance(data, str) and "\0" not in data else None
        )
        if found is None:
            raise serializers.ValidationError(unknown_code(self.field_name or "code", data, rows))
        return found


class WordField(serializers.ChoiceField):
    """A field with a fixed list of words; the error message lists them."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        allowed = ", ".join(str(word) for word in self.choices if word)
        sentence = f'"{{input}}" is not a valid choice; allowed: {allowed}'
        self.error_messages["invalid_choice"] = sentence


class RowSerializer(serializers.ModelSerializer[Any]):
    """Base: refuses unknown fields, validates by the model, and checks the version read."""

    serializer_choice_field = WordField

    version = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="Rises with every save. Send it with a change, and the change is refused "
        "(409) if another user has saved it since.",
    )

    def to_internal_value(self, data: object) -> Any:
        """Refuse names that no field has: a misspelt one would else be lost in silence."""
        if isinstance(data, Mapping):
            refuse_unknown(data, self.fields, "field", self._refused())
        return super().to_internal_value(data)

    def _refused(self) -> Mapping[str, str]:
        """Fields that no row has, each with a sentence that says why."""
        return {}

    def validate(self, attrs: Values) -> Values:
        """Validate by the model, on a copy: the row itself stays as it is stored."""
        row: Any = copy.copy(self.instance) if self.instance else self.Meta.model()  # type: ignore[misc]
        for name, value in attrs.items():
            setattr(row, name, value)
        try:
            row.clean()
            row.validate_constraints()
        except ModelError as error:
            raise serializers.ValidationError(serializers.as_serializer_error(error)) from None
        return self._identity_kept({**attrs, **self._filled(row)})

    def _filled(self, row: Any) -> Values:
        """Fields that clean() fills."""
        return {}

    def _identity_kept(self, attrs: Values) -> Values:
        name = self.context["view"].lookup_field
        if self.instance and name in attrs and attrs[name] != getattr(self.instance, name):
            raise serializers.ValidationError(
                {name: f"{name}: cannot be changed; create a new row and delete or cancel this one"}
            )
        return attrs

    def create(self, validated_data: Values) -> PricedRow:
        """A new row starts at version 1, whatever was sent."""
        validated_data.pop("version", None)
        return self._saved(self.Meta.model(**validated_data))  # type: ignore[misc]

    def update(self, instance: PricedRow, validated_data: Values) -> PricedRow:
        """Change the row that was read."""
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return self._saved(instance)

    def _saved(self, row: PricedRow) -> PricedRow:
        try:
            with transaction.atomic():
                row.save()
        except StaleRow as error:
            raise StaleVersion(
                str(error), code=f"version_conflict current={error.current}"
            ) from None
        except IntegrityError:
            raise Conflict(
                "Another request has just created or deleted such a row: read it again"
            ) from None
        return row


class DeskSerializer(RowSerializer):
    class Meta:
        model = Desk
        fields = ("code", "name", *OWN)
        read_only_fields = ("created", "updated")


class BookSerializer(RowSerializer):
    desk = CodeField(queryset=Desk.objects.all(), help_text="Code of the desk")

    class Meta:
        model = Book
        fields = ("code", "name", "desk", *OWN)
        read_only_fields = ("created", "updated")


class IssuerSerializer(RowSerializer):
    class Meta:
        model = Issuer
        fields = ("code", "name", "lei", "country", *OWN)
        read_only_fields = ("created", "updated")

    def _filled(self, row: Any) -> Values:
        return {"lei": row.lei}


class CounterpartySerializer(RowSerializer):
    class Meta:
        model = Counterparty
        fields = ("code", "name", "lei", *OWN)
        read_only_fields = ("created", "updated")

    def _filled(self, row: Any) -> Values:
        return {"lei": row.lei}


class BondSerializer(RowSerializer):
    issuer = CodeField(
        queryset=Issuer.objects.all(),
        required=False,
        allow_null=True,
        help_text="Code of the issuer",
    )

    class Meta:
        model = Bond
        exclude = ("id",)
        read_only_fields = ("created", "updated")

    def _filled(self, row: Any) -> Values:
        return {"currency": row.currency, "isin": row.isin, "cusip": row.cusip}


def _one_trade(model: type[Trade]) -> Values:
    """Options of ``trade_id``: the refusal is the same for a trade of any product and desk."""
    unique = UniqueValidator(model._default_manager.all(), "another trade has this identifier")
    return {"trade_id": {"validators": [unique]}}


class TradeSerializer(RowSerializer):
    """Base of the serializers of trades."""

    book = CodeField(queryset=Book.objects.all(), help_text="Code of the book")
    desk = serializers.CharField(source="book.desk.code", read_only=True)
    currency = serializers.CharField(read_only=True)

    def _refused(self) -> Mapping[str, str]:
        return PRODUCTS[self.Meta.model.product].terms.refused  # type: ignore[attr-defined]


def _counterparty() -> CodeField:
    return CodeField(
        queryset=Counterparty.objects.all(),
        required=False,
        allow_null=True,
        help_text="Code of the counterparty",
    )


SHOWN: Mapping[type[Trade], Mapping[str, type[serializers.Field[Any, Any, Any, Any]]]] = {
    InterestRateFuture: {
        "tick_value": serializers.FloatField,
        "last_trading_date": serializers.DateField,
        "settlement_date": serializers.DateField,
    },
    BondFuture: {
        "tick_value": serializers.FloatField,
        "last_trading_date": serializers.DateField,
        "delivery_date": serializers.DateField,
    },
}
"""What answers show of a product beside the columns of its table."""


def trade_serializer(model: type[Trade]) -> type[TradeSerializer]:
    """The serializer of a product that has none of its own: all fields of its table."""
    meta = {
        "model": model,
        "exclude": ("id",),
        "extra_kwargs": _one_trade(model),
        "read_only_fields": ("created", "updated"),
    }
    fields: dict[str, Any] = {"Meta": type("Meta", (), meta)}
    columns = {field.name for field in model._meta.fields}
    if "currency" in columns:
        fields["currency"] = None  # the column, which is written too, takes its place
    if "counterparty" in columns:
        fields["counterparty"] = _counterparty()
    fields |= {name: field(read_only=True) for name, field in SHOWN.get(model, {}).items()}
    return type(f"{model.__name__}Serializer", (TradeSerializer,), fields)


class BondPositionSerializer(TradeSerializer):
    bond = CodeField(queryset=Bond.objects.all(), help_text="Code of the bond")
    currency = serializers.CharField(source="bond.currency", read_only=True)

    class Meta:
        model = BondPosition
        exclude = ("id",)
        extra_kwargs = _one_trade(BondPosition)
        read_only_fields = ("created", "updated")


class SwapSerializer(TradeSerializer):
    counterparty = _counterparty()

    class Meta:
        model = Swap
        exclude = ("id",)
        extra_kwargs = _one_trade(Swap)
        read_only_fields = ("created", "updated")


class FixingSerializer(RowSerializer):
    class Meta:
        model = Fixing
        fields = ("index", "date", "rate", "source", *OWN)
        read_only_fields = ("created", "updated")


class FxRateSerializer(RowSerializer):
    class Meta:
        model = FxRate
        fields = ("currency", "date", "usd", "source", *OWN)
        read_only_fields = ("created", "updated")


class ScenarioShockSerializer(RowSerializer):
    class Meta:
        model = ScenarioShock
        exclude = ("id",)
        read_only_fields = ("created", "updated")


class WhatIfSetSerializer(RowSerializer):
    desk = CodeField(queryset=Desk.objects.all(), help_text="Code of the desk")
    entries = serializers.ListField(
        child=serializers.DictField(),
        max_length=what_if.MAX_ENTRIES,
        help_text="Entries with kind, row and action, as what-if/ answers them",
    )
    solved = serializers.DictField(
        read_only=True, help_text="What the last preview solved, by trade and column"
    )
    versions = serializers.DictField(
        read_only=True, help_text="Of the rows that would change, as previewed"
    )
    frames = serializers.DictField(
        read_only=True, help_text="The frame of the last preview, by currency"
    )

    class Meta:
        model = WhatIfSet
        exclude = ("id",)
        read_only_fields = ("created", "updated", "status", "booked")

    def validate_entries(self, given: list[Any]) -> list[Values]:
        """Return entries as a set stores them, each with the identifier of its trade."""
        found: list[Values] = []
        for number, entry in enumerate(given, 1):
            try:
                found.append(what_if.read_entry(entry, {}).stored())
            except BadInput as error:
                raise serializers.ValidationError(f"entry {number}: {error}") from None
        return found

    def validate(self, attrs: Values) -> Values:
        """A set that is booked stays as it is."""
        if self.instance and self.instance.status == SetStatus.BOOKED:
            raise Conflict(f"{self.instance} is booked: make a new set")
        return super().validate(attrs)

    def update(self, instance: Any, validated_data: Values) -> Any:
        """Other entries need another preview."""
        if "entries" in validated_data:
            instance.change_entries(validated_data["entries"])
        return super().update(instance, validated_data)


class DeliverableSerializer(RowSerializer):
    bond = CodeField(queryset=Bond.objects.all(), help_text="Code of the bond")

    class Meta:
        model = Deliverable
        exclude = ("id",)
        read_only_fields = ("created", "updated")


def _optional(rows: QuerySet[Any], text: str) -> CodeField:
    return CodeField(queryset=rows, required=False, allow_null=True, help_text=text)


class LimitSerializer(RowSerializer):
    desk = _optional(Desk.objects.all(), "Code of the desk; null: all")
    book = _optional(Book.objects.all(), "Code of the book; null: all")

    class Meta:
        model = Limit
        exclude = ("id",)
        read_only_fields = ("created", "updated")


class TemporaryLimitSerializer(RowSerializer):
    limit = CodeField(queryset=Limit.objects.all(), help_text="Code of the limit")
    requested_by = serializers.CharField(read_only=True, allow_null=True)
    approved_by = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = TemporaryLimit
        exclude = ("id",)
        read_only_fields = ("created", "updated", "approved_at")


class ChangeSerializer(serializers.Serializer[Any]):
    """One line of a row's history; for the schema."""

    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    user = serializers.CharField(allow_null=True, help_text="null: a command, or the system")
    kind = serializers.CharField(help_text="created, changed or deleted")
    reason = serializers.CharField(allow_null=True)
    changes = serializers.DictField(help_text="Old and new value by field")

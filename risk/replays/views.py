"""Replays over REST: their progress, and commands to running ones."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from dataclasses import asdict
from operator import itemgetter
from typing import Any, cast

from django.utils.dateparse import parse_date
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    FloatField,
    IntegerField,
    ListField,
)

from instruments import access
from instruments.api.permissions import needs
from instruments.api.refusals import refuse_unknown
from pricing.errors import BadInput
from risk.api import parameters
from risk.api.schemas import Answer
from risk.api.views import RiskView, TablesView
from risk.history.events import EVENTS
from risk.models import Replay
from risk.replays import control
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, columns_of

ASKED = {"pause": "paused", "resume": "running", "stop": "stopped"}
FIELDS = (
    "name", "event", "currencies", "start", "end", "ticks_per_day", "seed", "interval_s", "loop",
    "wanted", "state", "message", "book_version", "history_sha256", "book_sha256", "steps",
    "place", "date", "frames", "failed", "first_failure", "sha256", "created", "updated",
)  # fmt: skip


class ReplayState(Answer):
    name = CharField(help_text="Name of the replay and of its market")
    event = CharField(allow_blank=True)
    currencies = ListField(child=CharField())
    start = DateField()
    end = DateField()
    ticks_per_day = IntegerField(help_text="1: closes only")
    seed = IntegerField(help_text="Seed of the path between two closes")
    interval_s = FloatField(help_text="Seconds between two steps")
    loop = BooleanField()
    wanted = CharField(help_text="Requested state: running, paused or stopped")
    state = CharField(help_text="waiting, running, paused, stopped, done or failed")
    message = CharField(allow_blank=True, help_text="Reason of a failure")
    book_version = IntegerField(help_text="Version of the book that is priced")
    history_sha256 = CharField(allow_blank=True, help_text="Hash of quotes and steps")
    book_sha256 = CharField(allow_blank=True, help_text="Hash of the compiled books")
    steps = IntegerField(help_text="Steps of the whole replay")
    place = IntegerField(help_text="Steps done in this pass")
    date = DateField(allow_null=True, help_text="Day of the last step")
    frames = IntegerField(help_text="Frames priced in this pass")
    failed = IntegerField(help_text="Frames that could not be priced in this pass")
    first_failure = CharField(allow_blank=True)
    sha256 = CharField(allow_blank=True, help_text="Hash of all frames of the last complete pass")
    created = DateTimeField()
    updated = DateTimeField()


class NamedWindow(Answer):
    name = CharField()
    title = CharField()
    start = DateField()
    end = DateField()
    currency = CharField(help_text="Currency of the market in which it happened")
    source = CharField()  # type: ignore[assignment]


class ReplayList(Answer):
    replays = ReplayState(many=True)
    events = NamedWindow(many=True, help_text="Named periods of history to replay")


REQUEST = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "action": {"type": "string", "enum": list(ASKED)},
        "seek": {"type": "string", "format": "date"},
    },
}


def _record(replay: Replay) -> dict[str, Any]:
    return {name: getattr(replay, name) for name in FIELDS}


TABLES = {
    "replays": AnswerTable(columns_of(ReplayState), itemgetter("replays")),
    "events": AnswerTable(columns_of(NamedWindow), itemgetter("events")),
}


class ReplaysView(TablesView):
    """All replays; ``manage.py replay_market`` creates and runs them."""

    tables = TABLES

    @extend_schema(
        operation_id="replays",
        parameters=answer_tables.parameters(TABLES),
        responses=ReplayList,
    )
    def get(self, request: Request) -> Response:
        """Return each replay with its state, progress, and the hash of its frames."""
        parameters.known_only(request, *answer_tables.FILE_PARAMETERS)
        return self.answer(
            request,
            {
                "replays": [_record(replay) for replay in Replay.objects.all()],
                "events": [asdict(event) for event in EVENTS.values()],
            },
        )


class ReplayView(RiskView):
    """One replay."""

    @extend_schema(operation_id="replay", responses=ReplayState)
    def get(self, request: Request, name: str) -> Response:
        """Return the state, progress, and the hash of the frames."""
        parameters.known_only(request)
        return Response(_record(_found(name)))

    @extend_schema(
        operation_id="replay_control",
        request={"application/json": REQUEST},
        responses=ReplayState,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Ask a running replay to pause, resume, stop or seek; done before its next step."""
        if not access.rules_all_desks(cast(Any, request.user)):
            raise needs((access.RISK_ADMIN,), request)
        replay = _found(name)
        body = request.data
        if not isinstance(body, dict) or not body:
            raise ValidationError({"action": ['send {"action": "pause"} or {"seek": DATE}']})
        refuse_unknown(body, ("action", "seek"), "field")
        action, seek = body.get("action"), body.get("seek")
        if "action" in body and action not in ASKED:
            allowed = ", ".join(ASKED)
            raise ValidationError({"action": [f"action: not valid; allowed: {allowed}"]})
        day = _date(seek) if "seek" in body else None
        try:
            found = control.ask(replay.name, wanted=ASKED.get(str(action)), seek=day)
        except BadInput as error:
            raise ValidationError({error.field: [str(error)]}) from None
        return Response(_record(found))


def _found(name: str) -> Replay:
    replay = None if "\0" in name else Replay.objects.filter(name=name).first()
    if replay is None:
        raise NotFound(f"name: no replay {name!r}")
    return replay


def _date(word: object) -> Any:
    try:
        found = parse_date(word) if isinstance(word, str) else None
    except ValueError:
        found = None
    if found is None:
        raise ValidationError({"seek": [f"seek: {word!r} is not a date such as 2024-03-05"]})
    return found

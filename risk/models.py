"""The tables of live risk: the closes that P&L is explained from, and what became of limits."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from instruments.models import Limit

LIVE = "live"


class KeptFrame(models.Model):
    """A published frame of a currency, with all that it was made from.

    ``book_version`` names the compiled book with its fixings; ``head`` says what that was made of:
    names of blocks and fixings, desks, trades without numbers. ``sums`` are the published roll-up
    (MessagePack), ``sha256`` is the hash of its numbers.
    """

    market = models.CharField(
        max_length=40, default=LIVE, help_text="live, or the name of a replay"
    )
    currency = models.CharField(max_length=3)
    date = models.DateField(help_text="valuation date")
    frame = models.BigIntegerField(help_text="number of the frame")
    as_of = models.DateTimeField(help_text="the market's time of the frame")
    book_version = models.CharField(max_length=64, help_text="name of the compiled book")
    curve_version = models.CharField(max_length=64)
    source = models.CharField(max_length=64, blank=True)
    quotes = models.JSONField(help_text="decimal rates by curve and tenor")
    labels = models.JSONField(help_text="official, proxy or synthetic, by curve")
    fx = models.JSONField(help_text="US dollars per unit, by currency")
    head = models.BinaryField(default=b"", help_text="what the book was made of, MessagePack")
    sums = models.BinaryField(help_text="the published sums, MessagePack")
    sha256 = models.CharField(max_length=64, help_text="hash of what the frame published")
    kept = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.market} {self.currency} {self.date}"


class FrameClose(KeptFrame):
    """The last frame of a currency on a valuation date.

    A row is replaced when the same date ends again in the same market.
    """

    class Meta:
        ordering = ("market", "currency", "-date")
        constraints = (
            models.UniqueConstraint(
                fields=("market", "currency", "date"), name="one_frame_close_per_market_and_date"
            ),
        )


class FrameWithin(KeptFrame):
    """A frame within a day: one of each currency every so many seconds.

    The table is partitioned by ``day``, and old partitions are dropped as a whole: see
    ``risk/explain/frames_within.py``.
    """

    pk = models.CompositePrimaryKey("day", "market", "currency", "frame")
    day = models.DateField(help_text="on which it was kept, UTC: its partition")

    class Meta:
        ordering = ("market", "currency", "-as_of")
        indexes = (models.Index(fields=("currency", "as_of"), name="frame_within_by_time"),)


class FrameCloseDetail(models.Model):
    """The numbers by trade of a close: its blocks' columns, compressed, and their hash."""

    close = models.OneToOneField(FrameClose, on_delete=models.CASCADE, related_name="detail")
    trades = models.PositiveIntegerField()
    columns = models.BinaryField(help_text="blocks of the detail, MessagePack, compressed")
    sha256 = models.CharField(max_length=64, help_text="hash of the columns")

    def __str__(self) -> str:
        return f"detail of {self.close}"


class FrameCloseExplain(models.Model):
    """The P&L of a close since the close before it: terms by book and product, compressed."""

    close = models.OneToOneField(FrameClose, on_delete=models.CASCADE, related_name="explain")
    frame = models.BigIntegerField(help_text="number of the close's frame that it is of")
    explain = models.BinaryField(help_text="terms and moves, MessagePack, compressed")

    def __str__(self) -> str:
        return f"explain of {self.close}"


class DayReport(models.Model):
    """The results of a day, made from its closes by ``manage.py report``."""

    market = models.CharField(
        max_length=40, default=LIVE, help_text="live, or the name of a replay"
    )
    date = models.DateField()
    made = models.DateTimeField()
    results = models.BinaryField(help_text="sums, explains, scenarios and limits, MessagePack")

    class Meta:
        ordering = ("market", "-date")
        constraints = (
            models.UniqueConstraint(fields=("market", "date"), name="one_report_per_day"),
        )

    def __str__(self) -> str:
        return f"{self.market} {self.date}"


class BacktestRun(models.Model):
    """The newest backtest at a level, made by ``manage.py backtest`` of the whole book."""

    level = models.CharField(max_length=16, unique=True, help_text="percent, such as 99")
    made = models.DateTimeField()
    desks = models.JSONField(help_text="by desk: date, P&L, value at risk, evening; US dollars")
    firm = models.JSONField(help_text="the same of all desks together")
    notes = models.JSONField(help_text="what is left out, and why")

    class Meta:
        ordering = ("level",)

    def __str__(self) -> str:
        return f"{self.level} {self.made}"


class AttributionRun(models.Model):
    """The newest P&L attribution test of the whole book, by ``manage.py pla``: the one row."""

    made = models.DateTimeField()
    desks = models.JSONField(
        help_text="by desk: date, HPL, RTPL; US dollars, null where a day has no number"
    )
    notes = models.JSONField(help_text="what is left out, and why")
    of_trades = models.JSONField(help_text="the same by trade and desk: for who may see all")

    def __str__(self) -> str:
        return f"{self.made}"


class Replay(models.Model):
    """A replay of stored history into a market of its own, whose name is that of the replay.

    Whoever runs it writes how far it is, and reads ``wanted`` between two steps.
    """

    class State(models.TextChoices):
        """What a replay does."""

        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        STOPPED = "stopped", "stopped"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    name = models.CharField(max_length=40, unique=True, help_text="name of its market")
    event = models.CharField(max_length=40, blank=True, help_text="a named window of history")
    currencies = models.JSONField(help_text="codes of its currencies")
    start = models.DateField(help_text="first day")
    end = models.DateField(help_text="last day")
    ticks_per_day = models.PositiveIntegerField(default=1, help_text="1: the closes alone")
    seed = models.BigIntegerField(default=0, help_text="of the path between two closes")
    interval_s = models.FloatField(default=0.0, help_text="seconds between two steps")
    loop = models.BooleanField(default=False, help_text="begin again after the last day")
    wanted = models.CharField(
        max_length=8, choices=State, default=State.RUNNING, help_text="what it is asked to do"
    )
    seek = models.DateField(null=True, blank=True, help_text="go to this day next")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    message = models.TextField(blank=True, help_text="why it has failed")
    book_version = models.PositiveBigIntegerField(default=0, help_text="of the tables")
    history_sha256 = models.CharField(max_length=64, blank=True, help_text="of quotes and steps")
    book_sha256 = models.CharField(max_length=64, blank=True, help_text="of the compiled books")
    steps = models.PositiveIntegerField(default=0, help_text="of the whole replay")
    place = models.PositiveIntegerField(default=0, help_text="steps done of this pass")
    date = models.DateField(null=True, blank=True, help_text="day of the last step")
    frames = models.PositiveBigIntegerField(default=0, help_text="priced, of this pass")
    failed = models.PositiveBigIntegerField(default=0, help_text="frames without numbers")
    first_failure = models.TextField(blank=True)
    chain = models.CharField(max_length=64, blank=True, help_text="hash of the frames so far")
    is_whole = models.BooleanField(default=True, help_text="this pass began on the first day")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the last whole pass")
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class LimitPosition(models.Model):
    """How far the log of published results has been evaluated. There is one row a market.

    It is written in the transaction that writes what the evaluation found, so that each result has
    its effects exactly once, whatever is killed. ``clock_ns`` never goes back.
    """

    market = models.CharField(max_length=40, primary_key=True)
    entries = models.JSONField(default=dict, help_text="id of the last entry, by stream")
    numbers = models.JSONField(default=dict, help_text="its number, by stream")
    clock_ns = models.BigIntegerField(default=0, help_text="ns since 1970")
    updated = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.market


class LimitInput(models.Model):
    """The last evaluated entry of a stream: what a restarted evaluator goes on with."""

    market = models.CharField(max_length=40)
    stream = models.CharField(max_length=40)
    payload = models.BinaryField(help_text="as in the log, MessagePack")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("market", "stream"), name="one_input_per_stream"),
        )

    def __str__(self) -> str:
        return f"{self.market} {self.stream}"


class LimitState(models.Model):
    """The state of a limit since it last changed, and what the evaluation remembers of it."""

    limit = models.OneToOneField(Limit, on_delete=models.CASCADE, related_name="state")
    state = models.CharField(max_length=8)
    in_breach = models.BooleanField(default=False)
    in_warning = models.BooleanField(default=False)
    bounds = models.CharField(max_length=160, help_text="the bounds that it was judged by")
    since = models.DateTimeField(help_text="publication of the result that changed it")
    reason = models.CharField(max_length=400, blank=True, help_text="why it is unknown")

    def __str__(self) -> str:
        return f"{self.limit} {self.state}"


class LimitBreach(models.Model):
    """One breach: from the result that began it to the one that ended it."""

    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="breaches")
    currency = models.CharField(max_length=3, blank=True, help_text="of the frame that caused it")
    frame = models.BigIntegerField(help_text="number of the frame, or of the run of the scenarios")
    kind = models.CharField(max_length=12, help_text="sums, explains, scenarios, or clock")
    as_of = models.DateTimeField(null=True, help_text="the market's time of the frame")
    valuation_date = models.DateField(null=True)
    began = models.DateTimeField(help_text="publication of the frame")
    value = models.FloatField(help_text="at the beginning")
    worst = models.FloatField(help_text="so far")
    hard_limit = models.FloatField()
    temporary = models.CharField(max_length=64, blank=True, help_text="its code, if one counted")
    scope = models.CharField(max_length=250)
    desk = models.CharField(max_length=64, blank=True, help_text="of the scope; empty: all desks")
    cause = models.JSONField(null=True, help_text="the largest term of the P&L explain")
    ended = models.DateTimeField(null=True)
    end_frame = models.BigIntegerField(null=True)
    end_value = models.FloatField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("limit",), condition=models.Q(ended=None), name="one_open_breach_per_limit"
            ),
        )

    def __str__(self) -> str:
        return f"{self.limit} {self.frame}"


CLASSIFICATIONS = ("", "active", "passive", "technical", "data")
"""Causes of a breach: trading, a move of the market, a fault of the system, or wrong data."""

RESOLUTIONS = ("", "position_reduced", "temporary_limit", "limit_changed", "accepted", "no_action")


class LimitReview(models.Model):
    """What a person said of a breach; lines are only ever added. The last one counts."""

    breach = models.ForeignKey(LimitBreach, on_delete=models.PROTECT, related_name="reviews")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    by = models.CharField(max_length=150, help_text="the user's name")
    at = models.DateTimeField(auto_now_add=True)
    classification = models.CharField(max_length=16, blank=True)
    resolution = models.CharField(max_length=16, blank=True)
    comment = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.breach} {self.by}"


class LimitEvent(models.Model):
    """A change of a limit's state; its number is the id of events of the stream."""

    limit = models.ForeignKey(Limit, on_delete=models.CASCADE, related_name="events")
    breach = models.ForeignKey(LimitBreach, on_delete=models.PROTECT, null=True)
    was = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=8)
    value = models.FloatField(null=True, help_text="null: unknown")
    hard_limit = models.FloatField()
    reason = models.CharField(max_length=400, blank=True)
    kind = models.CharField(max_length=12)
    currency = models.CharField(max_length=3, blank=True)
    frame = models.BigIntegerField(default=0)
    at = models.DateTimeField(help_text="publication of the result")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.limit} {self.was} {self.state}"


class LimitGap(models.Model):
    """Published results that no limit was evaluated on, because the log had lost them."""

    market = models.CharField(max_length=40)
    stream = models.CharField(max_length=40)
    after_number = models.BigIntegerField(help_text="the last one that was evaluated")
    next_number = models.BigIntegerField(help_text="the first one that was there again; 0: none")
    reason = models.CharField(max_length=200)
    noticed = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.stream} {self.after_number}-{self.next_number}"


class LimitDelivery(models.Model):
    """An event that is to be sent to the webhook, written together with the event."""

    event = models.OneToOneField(LimitEvent, on_delete=models.CASCADE, related_name="delivery")
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(null=True, help_text="empty: no more attempts")
    delivered = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, help_text="of the last attempt")

    class Meta:
        ordering = ("event",)
        verbose_name_plural = "limit deliveries"

    def __str__(self) -> str:
        return f"{self.event}"

"""The ASGI application; ``python -m riskproject.web_server`` serves it."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from riskproject.web.limits.body_limit import BodyLimit
from riskproject.web.limits.fair_share import FairShare

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

application = FairShare(
    BodyLimit(get_asgi_application(), settings.BODY_BYTES),
    at_work=settings.REQUESTS_PER_CALLER,
    in_line=settings.REQUESTS_IN_LINE,
    cookie=settings.SESSION_COOKIE_NAME,
)
import_string("risk.api.heartbeat.start")()  # by name: the project imports none of its apps

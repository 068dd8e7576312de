"""The ASGI application; ``python -m riskproject.web_server`` serves it."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from riskproject.web.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

application = BodyLimit(get_asgi_application(), settings.BODY_BYTES)
import_string("risk.api.heartbeat.start")()  # by name: the project imports none of its apps

"""The ASGI application; ``python -m riskproject.web_server`` serves it."""

import atexit
import os
from contextlib import ExitStack

from django.conf import settings
from django.core.asgi import get_asgi_application

from risk.store.frames import connect
from risk.store.heartbeats import speaking
from riskproject.web.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")

application = BodyLimit(get_asgi_application(), settings.BODY_BYTES)

_pulse = ExitStack()
_pulse.enter_context(speaking(connect(settings.REDIS_URL), "web"))
atexit.register(_pulse.close)

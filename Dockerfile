# The image of all our processes; docker-compose.yml says which one a container runs.
FROM python:3.11.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    HOME=/home/risk

RUN useradd --uid 10001 --create-home --home-dir /home/risk --shell /usr/sbin/nologin risk
WORKDIR /app

COPY requirements.txt ./
RUN pip install -r requirements.txt

COPY manage.py flowerconfig.py ./
COPY connections connections
COPY riskproject riskproject
COPY instruments instruments
COPY pricing pricing
COPY risk risk
COPY feedbridge feedbridge
COPY dashboard dashboard
COPY ops ops
COPY demo demo

# Settings want a key; this one lives for one command and signs nothing.
RUN RISK_ENV=production SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    python manage.py collectstatic --noinput

USER risk
EXPOSE 8000 5555 8501
CMD ["python", "-m", "riskproject.web_server", "--host", "0.0.0.0", "--port", "8000"]

# One image for web and worker; the understanding server has its own (bot/Dockerfile), because Rasa needs Python 3.10.
FROM python:3.11-slim-bookworm

RUN useradd --system --create-home --uid 10001 hotline
WORKDIR /srv/hotline
COPY ops/uv.txt requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r uv.txt \
    && uv pip install --system --no-cache --require-hashes -r requirements.txt
COPY . .
RUN mkdir -p var/recordings && chown -R 10001 var
USER 10001
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
CMD ["gunicorn", "-c", "ops/gunicorn_conf.py", "ops.web:start()"]

# Airflow with all that Espejo's steps need.
#
# From plain Python and not from apache/airflow: that image brings some forty providers with pins of
# their own, which pull against this project's. Here is exactly what the lock files name, which is
# what the tests ran with; pip refuses a file whose hash is another.
FROM python:3.11-slim-bookworm

# chromium and a font draw the report's pictures; libgomp1 is what torch and scikit-learn thread with.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core libgomp1 \
    && rm -rf /var/lib/apt/lists/*

# The user and group that Airflow's own image has, so that volumes may pass from one to the other.
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --create-home airflow \
    && mkdir -p /opt/airflow/logs /opt/airflow/auth \
    && chown -R airflow:0 /opt/airflow \
    && chmod 0700 /opt/airflow/auth

WORKDIR /opt/espejo
COPY requirements.txt requirements.lock requirements-cuda.lock ./

# The lock files hold torch's CUDA build apart. Without TORCH_INDEX_URL it is taken, several GB with
# what it needs. The address of the CPU wheels is shown on pytorch.org's "Start locally" page. That
# index is asked for torch alone, whose hash no lock file holds: pip checks the one that the index
# gives. What torch needs comes with the rest.
ARG TORCH_INDEX_URL
RUN if [ -n "${TORCH_INDEX_URL}" ]; then \
        pip install --no-cache-dir --no-deps --index-url "${TORCH_INDEX_URL}" \
            "$(grep --max-count=1 '^torch==' requirements.txt)"; \
    else \
        pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-cuda.lock; \
    fi
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock

COPY include/ include/
COPY plugins/ plugins/
COPY dags/ dags/
COPY deploy/pods/ deploy/pods/

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/espejo/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/espejo/plugins \
    BROWSER_PATH=/usr/bin/chromium \
    PYTHONPATH=/opt/espejo \
    PYTHONUNBUFFERED=1

# What the audit searches with is compiled now, and not in each container.
RUN python -m include.espejo.disclose.distance.compile

USER 50000:0
CMD ["airflow", "version"]

"""Listens on the loopback address to what Airflow sends: alerts, and figures by OpenTelemetry."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Ear(ThreadingHTTPServer):
    """Keeps what is posted to it: `/v1/metrics` as OpenTelemetry's figures, the rest as JSON."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        self.figures: dict[tuple[str, ...], float] = {}  # by name and sorted labels

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def hear(self, path: str, content: bytes) -> None:
        if path != "/v1/metrics":
            self.messages.append(json.loads(content))
            return
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
        )

        told = ExportMetricsServiceRequest.FromString(content)
        for resource in told.resource_metrics:
            for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
                for point in metric.gauge.data_points:
                    labels = sorted(f"{a.key}={a.value.string_value}" for a in point.attributes)
                    value = point.as_double or float(point.as_int)
                    self.figures[(metric.name, *labels)] = value


class _Handler(BaseHTTPRequestHandler):
    server: Ear

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        self.server.hear(self.path, content)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

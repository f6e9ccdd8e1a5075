"""The wait for the survey's file."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk.exceptions import AirflowFailException


class RawFileSensor(S3KeySensor):
    """Waits for the file; being refused, or a bucket that is not there, ends the wait at once."""

    def poke(self, context: Any) -> bool:
        from botocore.exceptions import ClientError

        try:
            return bool(super().poke(context))
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status not in (401, 403, 404):
                raise
        raise self._refused(str(status))

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Read the trigger's answer after a wait; only its text shows a refusal."""
        text = str(event.get("message", ""))
        for sign in ("403", "401", "404", "AccessDenied", "Forbidden", "NoSuchBucket"):
            if event.get("status") == "error" and sign in text:
                raise self._refused(sign)
        super().execute_complete(context, event)

    def _refused(self, answer: str) -> AirflowFailException:
        return AirflowFailException(
            f"{self.bucket_key}: the lake answered {answer}; check the bucket and the rights of "
            f"connection {self.aws_conn_id}"
        )

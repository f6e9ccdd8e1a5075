"""Quality: SDMetrics' reports and metrics, with their references."""

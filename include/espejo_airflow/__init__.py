"""What DAGs and pages share: how the library meets Airflow. No DAG and no page is here."""

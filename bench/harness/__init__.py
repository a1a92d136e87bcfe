"""What every scenario uses."""

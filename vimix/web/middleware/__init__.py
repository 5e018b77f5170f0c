"""What every request passes: limits, security headers, URL fetching."""

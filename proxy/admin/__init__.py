"""The admin API: `/v1/admin/…`."""

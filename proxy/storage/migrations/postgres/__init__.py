"""SQL files `NNNN_name.sql`."""

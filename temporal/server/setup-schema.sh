#!/bin/sh
# Makes or updates Temporal's two databases. Done again at every start: what is there already is left as it is.
set -eu
schema=/etc/temporal/schema/postgresql/v12

for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  sql() {
    temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_HOST" -p 5432 -u "$POSTGRES_USER" --db "$database" "$@"
  }
  sql create
  sql setup-schema -v 0.0
  sql update-schema -d "$schema/${pair##*:}/versioned"
done

#!/bin/sh
# A streaming standby: a copy of the primary, then whatever the primary writes.
set -e
chmod 700 "$PGDATA"
[ -s "$PGDATA/PG_VERSION" ] || pg_basebackup -h postgres -U postgres -D "$PGDATA" -R -X stream --checkpoint=fast
exec postgres -c max_connections=300

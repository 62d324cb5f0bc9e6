#!/bin/sh
# First start of the primary: let the standby stream from it, and make the databases of tier 4's shards.
set -e
echo "host replication all all trust" >>"$PGDATA/pg_hba.conf"
for shard in shard_0 shard_1 shard_2; do createdb -U postgres "$shard"; done

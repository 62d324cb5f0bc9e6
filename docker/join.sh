#!/bin/sh
# Joins the three nodes into one cluster, once all answer.
set -e
for port in 17001 17002 17003; do
    until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.2; done
done
redis-cli -p 17001 cluster info | grep -q cluster_known_nodes:3 ||
    redis-cli --cluster create 127.0.0.1:17001 127.0.0.1:17002 127.0.0.1:17003 --cluster-yes
exec sleep infinity

#!/usr/bin/env bash
# The HTTP API by curl. Needs a dashboard at $LOVAGE_API, a key in $LOVAGE_KEY, and a worker.
set -euo pipefail
api=${LOVAGE_API:-http://127.0.0.1:5555/api/v1}
lovage() { curl --silent --show-error --header "Authorization: Bearer $LOVAGE_KEY" "$@"; }
json='Content-Type: application/json'

echo "# Enqueue a job; sent again with the same key it is made once only."
for _ in 1 2; do
  lovage "$api/jobs" --header "$json" --header 'Idempotency-Key: order-4711' \
    --data '{"task": "test.echo", "input": {"text": "hello"}}' --output job.json \
    --write-out '%{http_code} [%header{idempotent-replayed}]\n'
done
id=$(grep -o '"id":"[^"]*"' job.json | cut -d '"' -f 4)

echo "# Wait for its result, up to 30 seconds."
lovage "$api/jobs/$id/result?timeout=30s" && echo

echo "# Follow what happened to it, as server-sent events."
lovage "$api/jobs/$id/events" | grep -o '"type":"[a-z]*"'

echo "# Its log."
lovage "$api/jobs/$id/logs" && echo

echo "# An input that does not fit is refused, with a code to match on."
lovage "$api/jobs" --header "$json" --data '{"task": "test.echo", "input": {"test": 1}}' |
  grep -o '"status":[0-9]*\|"code":"[A-Z_]*"'

#!/bin/sh
# Print the newest snapshot as CSV, and one customer as JSON, from a dashboard: latest.sh http://localhost:8080 CUSTOMER
# CUSTOMER is percent-encoded. If the dashboard requires a token, it is in LTV_ACCESS_TOKEN.
set -eu
dashboard=$1
customer=$2
get() {
  printf 'header = "Authorization: Bearer %s"\n' "${LTV_ACCESS_TOKEN:-}" |
    curl --config - --fail-with-body --silent --show-error "$@"
}
get "$dashboard/api/snapshots/latest.csv"
get "$dashboard/api/customers/$customer"

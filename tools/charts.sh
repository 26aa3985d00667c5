#!/bin/sh
# Packs the charts' dependencies, which all lie beside them, so that each chart can be installed: the services' first, then the umbrella's.
set -eu
cd "$(dirname "$0")/.."

helm=${HELM:-.build/helm}
for chart in user-service scheduler-service notifier-service dispatcher-service gateway simulator heyday; do
    "$helm" dependency update "charts/$chart" --skip-refresh >/dev/null 2>.build/charts.log || { cat .build/charts.log >&2; exit 1; }
done

#!/bin/sh
# Packs the charts' dependencies, which all lie beside them, so that each chart can be installed: the services' first, then the umbrella's.
# Where nothing has changed it writes nothing: `skaffold dev` watches what is packed here, and would deploy again without end.
set -eu
cd "$(dirname "$0")/.."
mkdir -p .build

helm=${HELM:-.build/helm}
if ! [ -x "$helm" ]; then
    helm=$(command -v helm) || { echo "helm is neither in .build nor on the PATH: make tools-helm builds it" >&2; exit 1; }
fi

sources() { find charts -type f ! -name '*.tgz' ! -name Chart.lock -exec cksum {} + | sort; }
packed() { find charts -type f -name '*.tgz' -exec cksum {} + | sort; }

before=$(sources)
if [ -f .build/charts.packed ] && printf '%s\n%s\n' "$before" "$(packed)" | cmp -s - .build/charts.packed; then
    exit 0
fi
for chart in user-service scheduler-service notifier-service dispatcher-service gateway simulator heyday; do
    "$helm" dependency update "charts/$chart" --skip-refresh >/dev/null 2>.build/charts.log || { cat .build/charts.log >&2; exit 1; }
done
# What was read before: a file that has changed meanwhile is packed the next time.
printf '%s\n%s\n' "$before" "$(packed)" >.build/charts.packed

#!/bin/sh
# Builds all images, or those named: tools/images.sh [user-service ...]. IMAGE_BUILD is the builder's command (docker build), TAG the tag (dev).
set -eu
cd "$(dirname "$0")/.."

build=${IMAGE_BUILD:-docker build}
tag=${TAG:-dev}
# The time of the last commit dates the layers: the same sources give the same image.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
[ $# -gt 0 ] || set -- user-service scheduler-service notifier-service dispatcher-service gateway simulator

for image in "$@"; do
    echo "==> heyday/$image:$tag"
    case $image in
    gateway) $build -t "heyday/$image:$tag" --build-arg "VERSION=$tag" --build-arg "SOURCE_DATE_EPOCH=$epoch" -f services/gateway/Dockerfile . ;;
    simulator) $build -t "heyday/$image:$tag" --build-arg "SOURCE_DATE_EPOCH=$epoch" -f loadtest/simulator/Dockerfile . ;;
    *) $build -t "heyday/$image:$tag" --build-arg "SERVICE=$image" --build-arg "VERSION=$tag" --build-arg "SOURCE_DATE_EPOCH=$epoch" -f services/Dockerfile . ;;
    esac
done

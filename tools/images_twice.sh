#!/bin/sh
# Builds all images, or those named, twice from nothing, and compares their files: tools/images_twice.sh [user-service ...].
# IMAGE_BUILD is the builder's command (docker build); IMAGE_SAVE writes the image it is given to its output, as an archive (docker save).
set -eu
cd "$(dirname "$0")/.."

export IMAGE_BUILD="${IMAGE_BUILD:-docker build} --no-cache" TAG=twice
save=${IMAGE_SAVE:-docker save}
log=.build/images.log
[ $# -gt 0 ] || set -- user-service scheduler-service notifier-service dispatcher-service gateway simulator

result=0
for image in "$@"; do
    echo "==> heyday/$image"
    for time in first second; do
        tools/images.sh "$image" >$log 2>&1 || { tail $log >&2; exit 1; }
        $save "heyday/$image:$TAG" >.build/$time.tar
    done
    .venv/bin/python tools/same_image.py .build/first.tar .build/second.tar || result=1
    rm .build/first.tar .build/second.tar
done
exit $result

#!/bin/sh
# Builds the program of this folder and becomes it.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${REFLEX_SERVICES:-}" ]; then
	if [ "$(id -u)" = 0 ]; then
		REFLEX_SERVICES=/var/cache/reflex-services # Elasticsearch runs as nobody, who cannot enter /root
	else
		REFLEX_SERVICES=${XDG_CACHE_HOME:-$HOME/.cache}/reflex-services
	fi
fi
mkdir -p "$REFLEX_SERVICES/bin"
REFLEX_SERVICES=$(cd "$REFLEX_SERVICES" && pwd)
export REFLEX_SERVICES
bin=$REFLEX_SERVICES/bin/services.$$ # the program removes it as soon as it runs
find "$REFLEX_SERVICES/bin" -name 'services.*' -mmin +60 -delete # of builds that were killed
go build -o "$bin" ./testdata/services >&2
exec "$bin" "$@"

import sys

from dispatcher_service import bootstrap
from dispatcher_service.adapters.template_files import BadTemplates
from dispatcher_service.settings import DispatcherSettings
from servicekit import runtime, telemetry
from servicekit.readiness import Readiness
from servicekit.settings import load
from servicekit.settings_table import settings_table


def main() -> int:
    if sys.argv[1:] == ["settings"]:
        print(settings_table(DispatcherSettings))
        return 0
    settings = load(DispatcherSettings)
    telemetry.configure("dispatcher-service", settings)
    readiness = Readiness()
    try:
        return runtime.run(lambda: bootstrap.build(settings, readiness), grace_seconds=settings.shutdown_grace_seconds, readiness=readiness)
    except BadTemplates as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

import sys

from dispatcher_service import bootstrap
from dispatcher_service.adapters.template_files import BadTemplates
from dispatcher_service.settings import DispatcherSettings
from servicekit.commands import run_command
from servicekit.settings import EXIT_CODE_OF_BAD_SETTINGS

if __name__ == "__main__":
    try:
        run_command("dispatcher-service", DispatcherSettings, bootstrap.build)
    except BadTemplates as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CODE_OF_BAD_SETTINGS)

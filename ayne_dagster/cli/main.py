"""The `ayne` command: commands are imported when they are asked for, so that help is instant.

Exit codes: 0 done, 1 it could not be done (the message says what to do next), 2 what was typed
cannot be right (an unknown film, year or version among it), 130 stopped by Ctrl-C.
"""

import importlib
import os
import sys

import click

from ayne_dagster.cli.errors import is_expected, is_interruption, say_error

_COMMANDS = {
    "demo": "ayne_dagster.cli.demo",
    "ui": "ayne_dagster.cli.ui",
    "sandbox": "ayne_dagster.cli.sandbox",
    "collect": "ayne_dagster.cli.collect",
    "due": "ayne_dagster.cli.due",
    "history": "ayne_dagster.cli.history",
    "refresh": "ayne_dagster.cli.refresh",
    "run": "ayne_dagster.cli.run",
    "replay": "ayne_dagster.cli.replay",
    "status": "ayne_dagster.cli.status",
    "runs": "ayne_dagster.cli.runs",
    "predict": "ayne_dagster.cli.predict",
    "model": "ayne_dagster.cli.model",
    "export": "ayne_dagster.cli.export",
    "settings": "ayne_dagster.cli.settings",
}


class LazyCommands(click.Group):
    """A group whose commands live in modules of their own, imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which people meet them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(_COMMANDS[cmd_name]).command


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `ayne demo`: the whole graph in a minute, without any key.",
)
@click.version_option(
    package_name="ayne-dagster",
    message="%(prog)s %(version)s\n"
    "This product uses TMDB and the TMDB APIs but is not endorsed, certified, or otherwise "
    "approved by TMDB.",
)
def ayne() -> None:
    """Are You Not Entertained? A data platform for movies, as a Dagster asset graph.

    It discovers films, fetches details (TMDB) and ratings (OMDb), refreshes each film by its age,
    builds features and trains a model of box-office revenue, all by release year.
    """


def main() -> None:
    """Entry point; an expected failure becomes one clear message and exit code 1."""
    try:
        # Without click's standalone mode, `Exit(1)` comes back as a value instead of ending us.
        code = ayne.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output (`| head`) has seen enough. Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except BaseException as error:
        if is_interruption(error):
            say_error("stopped; what was written before is kept")
            sys.exit(130)
        if not is_expected(error):
            raise
        say_error(str(error))
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

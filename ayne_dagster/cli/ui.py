"""`ayne ui`: the Dagster UI with its daemon, on the right instance."""

import os
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from ayne_dagster.cli.options import YEARS
from ayne_dagster.cli.ports import is_port_free

_SECONDS_TO_STOP = 30
_KNOWN_WARNINGS = ("ignore:Parameter `backfill_policy`", "ignore:Function `dev_command`")
"""What Dagster says of itself at every start, a dozen times: in beta, and chosen on purpose."""


@click.command("ui")
@click.option("--sandbox", "is_sandboxed", is_flag=True,
              help="Against a sandbox, without keys, on the demo's data.")  # fmt: skip
@click.option("--catalogue", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="With --sandbox: serve this folder of Parquet files.")  # fmt: skip
@click.option("--films", type=click.IntRange(50, 200_000), default=1_500, show_default=True,
              help="With --sandbox: size of the generated catalogue.")  # fmt: skip
@click.option("--years", type=YEARS, help="With --sandbox: release years of the films.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
              help="Port of the UI.")  # fmt: skip
def command(
    is_sandboxed: bool,
    catalogue: Path | None,
    films: int,
    years: tuple[int, int] | None,
    host: str,
    port: int,
) -> None:
    """Open the Dagster UI (webserver and daemon) until Ctrl-C.

    \b
    Examples:
      ayne ui                     with your keys from .env
      ayne ui --sandbox           without keys, after or instead of `ayne demo`
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, use_dagster_home
    from ayne_dagster.cli.sandbox_world import (
        DEFAULT_SEED,
        environment_lines,
        sandbox_environment,
        sandbox_folder,
    )
    from ayne_dagster.settings import PROJECT_ROOT, load_settings

    if catalogue and not is_sandboxed:
        raise click.UsageError("--catalogue goes with --sandbox")
    if not is_port_free(host, port):
        raise click.ClickException(
            f"port {port} of {host} is taken, perhaps by another `ayne ui`; give another --port"
        )
    environment = dict(os.environ)
    with ExitStack() as stack:
        if is_sandboxed:
            from ayne_dagster.sandbox.config import SandboxConfig
            from ayne_dagster.sandbox.server import running_sandbox

            this_year = datetime.now(UTC).year
            first, last = years or (this_year - 10, this_year + 1)
            sandbox = stack.enter_context(
                running_sandbox(
                    SandboxConfig(
                        films=films,
                        first_year=None if catalogue else first,
                        last_year=None if catalogue else last,
                        years=tuple(range(first, last + 1)) if catalogue else None,
                        parquet_folder=str(catalogue.resolve()) if catalogue else None,
                        tmdb_requests_per_second=0,
                        omdb_daily_quota=0,
                    )
                )
            )
            folder = sandbox_folder(catalogue, films=films, seed=DEFAULT_SEED, years=years)
            pointing_here = {
                **sandbox_environment(sandbox.url, folder, first_year=first),
                # Whoever moves the sandbox's clock lets days pass for the platform, too.
                "CLOCK_URL": sandbox.clock_url,
            }
            environment.update(pointing_here)
            home = use_dagster_home(folder / "dagster_home")
            file = folder / "sandbox.env"
            file.write_text("\n".join([*environment_lines(pointing_here), ""]), encoding="utf-8")
            # The address is gone with the sandbox.
            stack.callback(file.unlink, missing_ok=True)
            click.echo(
                f"Sandbox at {sandbox.url}, its clock at {sandbox.clock_url}\n"
                f"Data in {folder}\n"
                f"Other terminals join in with: uv run --env-file {shlex.quote(str(file))} "
                "ayne due",
                err=True,
            )
        else:
            settings = load_settings()
            home = use_dagster_home(own_dagster_home())
            if settings.tmdb.api_key is None:
                click.secho(
                    "TMDB__API_KEY is not set: the graph shows, but cannot collect. Put it into "
                    ".env, or use --sandbox.", fg="yellow", err=True,
                )  # fmt: skip
        environment["DAGSTER_HOME"] = str(home)
        environment["PYTHONWARNINGS"] = ",".join(
            [*filter(None, [environment.get("PYTHONWARNINGS")]), *_KNOWN_WARNINGS]
        )
        click.echo(
            f"The UI will be at http://{host}:{port} in about 15 s; Ctrl-C ends it.", err=True
        )
        code = _run_until_interrupted(
            [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"),
             "-h", host, "-p", str(port)],
            environment,
            PROJECT_ROOT,
        )  # fmt: skip
    if code is None:
        click.echo("The UI has ended.", err=True)
    elif code != 0:
        raise click.ClickException(f"dagster dev ended with exit code {code}; see its lines above")


def _run_until_interrupted(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> int | None:
    """Run the child to its end, or until a signal ends us both.

    Returns:
        Its exit code; None: a signal came, and it has cleaned up.
    """
    # A shell starts background jobs with interrupts ignored; children would inherit that, and
    # `dagster dev` could then not be stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # The terminal is closed, and nobody said `nohup`.
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    with _started(arguments, environment, folder) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(_ENDING)
        try:
            child.wait(timeout=_SECONDS_TO_STOP)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            child.kill()
    return None


if sys.platform == "win32":
    _ENDING = signal.CTRL_BREAK_EVENT
else:
    _ENDING = signal.SIGINT


def _started(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """The child in a process group of its own.

    A terminal sends Ctrl-C to its whole group. `dagster dev` would hear it from the terminal, then
    from us, and the second time breaks off the clean end that the first began.
    """
    if sys.platform == "win32":
        return subprocess.Popen(  # noqa: S603
            arguments, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )  # fmt: skip
    return subprocess.Popen(  # noqa: S603
        arguments, env=environment, cwd=folder, stdin=subprocess.DEVNULL, process_group=0
    )

"""A real Slurm cluster of two nodes on this machine, for as long as a `with` block lasts; needs root and Debian."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

NODES = ("n1", "n2")
_STANDARD = Path("/etc/slurm/slurm.conf")  # jobs look here, whatever SLURM_CONF says
_PROGRAMS = {"slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "srun": "slurm-wlm", "munged": "munge"}
_CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
AuthType=auth/munge
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=10
MinJobAge=3600
MpiDefault=none
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=1 RealMemory=10000
PartitionName=compute Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


def install() -> None:
    """Debian's Slurm and munge, unless they are there."""
    packages = sorted({package for program, package in _PROGRAMS.items() if not shutil.which(program)})
    if not packages:
        return
    options = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "check": True}
    subprocess.run(["apt-get", "update", "-qq"], **options)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], **options)


@contextlib.contextmanager
def cluster(folder: Path):
    """Start two nodes of one core each, in the partition "compute"; yields a `Cluster`. Everything started is ended.

    Args:
        folder: an existing one, for logs and state.

    Raises:
        RuntimeError: if another Slurm is configured or runs here, or the nodes do not come up.
    """
    if _STANDARD.exists():
        raise RuntimeError(f"{_STANDARD} exists: this machine has a Slurm of its own")
    host = socket.gethostname().split(".")[0]
    with contextlib.ExitStack() as stack:
        _STANDARD.parent.mkdir(parents=True, exist_ok=True)
        stack.callback(_STANDARD.unlink, missing_ok=True)
        _STANDARD.write_text(_CONF.format(host=host, folder=folder))
        (folder / "state").mkdir()
        started = Cluster(folder)
        stack.callback(started.stop)
        started.start()
        yield started


class Cluster:
    """The daemons that were started, by name: "munged", "slurmctld", "n1" and "n2"."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        listens = Path("/run/munge/munge.socket.2")
        if not listens.exists():
            user = pwd.getpwnam("munge")
            Path("/run/munge").mkdir(exist_ok=True)
            os.chown("/run/munge", user.pw_uid, user.pw_gid)
            self._daemon("munged", "munged", "--foreground", "--force", user=user.pw_uid, group=user.pw_gid)
            self.wait(listens.exists, 20, "munge to listen")
        self._daemon("slurmctld", "slurmctld", "-D", "-f", str(_STANDARD))
        for node in NODES:
            self._daemon(node, "slurmd", "-D", "-f", str(_STANDARD), "-N", node)
        self.wait(lambda: self.states() == dict.fromkeys(NODES, "idle"), 60, "both nodes to be idle")

    def stop(self) -> None:
        """End jobs, nodes and daemons, those last that the others need."""
        if shutil.which("scancel") and "slurmctld" in self.daemons:
            subprocess.run(["scancel", "--user=root"], capture_output=True)
        for node in NODES:
            self.kill_node(node)
        for name in ("slurmctld", "munged"):
            if daemon := self.daemons.pop(name, None):
                daemon.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    daemon.wait(10)
                daemon.kill()

    def states(self) -> dict[str, str]:
        """Node -> what `sinfo` calls its state."""
        answer = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%N %T"], capture_output=True, text=True
        )
        return dict(line.split() for line in answer.stdout.splitlines())

    def running(self, node: str) -> list[str]:
        """Ids of the jobs that Slurm believes to run on a node."""
        command = ["squeue", "--noheader", "--states=RUNNING", f"--nodelist={node}", "--format=%i"]
        return subprocess.run(command, capture_output=True, text=True).stdout.split()

    def restarts(self, job: str) -> int:
        """How often a job went back into the queue."""
        answer = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True).stdout
        return int(re.search(r"Restarts=(\d+)", answer)[1])

    def kill_node(self, node: str) -> None:
        """What a power cut does: SIGKILL to a node's daemon and to all that it had started."""
        if daemon := self.daemons.pop(node, None):
            daemon.kill()
            daemon.wait()
        for process in _processes_of(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def wait(self, condition, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds:g} s in vain for {what}: see the logs in {self.folder}")
            time.sleep(0.2)

    def _daemon(self, name: str, *command: str, **options) -> None:
        with open(self.folder / f"{name}.out", "wb") as out:
            self.daemons[name] = subprocess.Popen(command, stdout=out, stderr=out, **options)


def _processes_of(node: str) -> list[int]:
    """The processes of a node's jobs, those first that would tell the controller that a job has failed."""
    mark, workers, stewards = f"SLURMD_NODENAME={node}".encode(), [], set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                workers.append(int(entry.name))
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if Path("/proc", parent, "comm").read_text().strip() == "slurmstepd":
                    stewards.add(int(parent))
    return [*stewards, *(process for process in workers if process not in stewards)]

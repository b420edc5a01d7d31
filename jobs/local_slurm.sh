#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Slurm of one node on this machine, to try the jobs before they go to a cluster.
#
#     apt install slurm-wlm munge            # once: Debian's and Ubuntu's packages
#     jobs/local_slurm.sh start              # harmless where it runs already
#     eval "$(jobs/local_slurm.sh env)"      # this shell's sbatch, squeue, ... then speak to it
#     jobs/local_slurm.sh status
#     jobs/local_slurm.sh stop               # cancels its jobs, ends its three daemons, touches nothing else
#
# It belongs to the user who starts it (root or not), keeps everything in one folder (LOCAL_SLURM), listens on this
# machine alone (LOCAL_SLURM_PORT and the port after it), and lends LOCAL_SLURM_CPUS cores; that may be more than there
# are. Jobs go to the partition `main`; those sent to `urgent` (sbatch -p urgent) preempt them, which are then requeued.
set -euo pipefail

folder=${LOCAL_SLURM:-${TMPDIR:-/tmp}/local_slurm_$(id -un)}
port=${LOCAL_SLURM_PORT:-26817}
cpus=${LOCAL_SLURM_CPUS:-$(nproc)}
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps daemons, which is not on every user's path
export SLURM_CONF=$folder/slurm.conf
DAEMONS="munged slurmctld slurmd" # in the order in which they need each other

fail() {
    echo "local_slurm.sh: error: $1" >&2
    exit 2
}

# The process id of one of this Slurm's daemons, or nothing. A number in an old file may be another program's by now.
pid_of() {
    local pid
    pid=$(cat "$folder/$1.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ] && echo "$pid"
}

all_run() {
    for daemon in $DAEMONS; do
        pid_of "$daemon" >/dev/null || return 1
    done
}

# until_true SECONDS COMMAND...: try it five times a second; fails where it never succeeds.
until_true() {
    local tries=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.2
    done
}

gpus() { find /dev -maxdepth 1 -name 'nvidia[0-9]*' 2>/dev/null | sort; }

write_config() {
    local host memory gpu_files
    host=$(uname -n | cut -d. -f1)
    memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
    gpu_files=$(gpus)
    # Without a GPU the node pretends to have one, so that a job that asks for it runs, on the CPU.
    for file in ${gpu_files:-/dev/null}; do echo "Name=gpu File=$file"; done >"$folder/gres.conf"
    cat >"$SLURM_CONF" <<END
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
# Listen on the loopback address alone.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# Its own munged. A requeued job waits for cred_expire seconds, 120 by default.
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
# Nothing that needs cgroups, an accounting database or another machine.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
MinJobAge=3600
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:$(wc -l <"$folder/gres.conf") State=UNKNOWN
PartitionName=main Nodes=$host Default=YES PriorityTier=1 MaxTime=INFINITE
PartitionName=urgent Nodes=$host PriorityTier=2 PreemptMode=OFF MaxTime=INFINITE
END
}

start() {
    for daemon in $DAEMONS; do
        command -v "$daemon" >/dev/null ||
            fail "$daemon is not installed; on Debian and Ubuntu: apt install slurm-wlm munge"
    done
    if all_run; then
        echo "runs already, in $folder"
        return
    fi
    if [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ] && [ ! -e "$folder/munge.key" ]; then
        fail "$folder holds other files; name another folder with LOCAL_SLURM"
    fi
    mkdir -p "$folder/state" "$folder/spool" 2>/dev/null ||
        fail "cannot write $folder; name another folder with LOCAL_SLURM"
    chmod 755 "$folder"
    write_config
    if [ ! -e "$folder/munge.key" ]; then
        (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    fi
    pid_of munged >/dev/null || munged --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" ||
        fail "munged does not start; see $folder/munged.log"
    pid_of slurmctld >/dev/null || slurmctld -c >"$folder/slurmctld.out" 2>&1 ||
        fail "slurmctld does not start; see $folder/slurmctld.log and .out"
    pid_of slurmd >/dev/null || slurmd -c >"$folder/slurmd.out" 2>&1 ||
        fail "slurmd does not start; see $folder/slurmd.log and .out"
    until_true 30 ready || fail "the node does not come up; see the logs in $folder (is port $port taken?)"
    echo "runs in $folder; for this shell: eval \"\$($0 env)\""
}

ready() { all_run && sinfo --noheader --partition=main --format=%T | grep -E 'idle|mixed|allocated'; }

no_jobs() { [ -z "$(squeue --noheader)" ]; }

# The processes that watch over this Slurm's jobs. One that cannot report its job's end would try for ever.
steps() {
    local watched
    for watched in /proc/[0-9]*; do
        if grep -qx slurmstepd "$watched/comm" && grep -qzxF "SLURM_CONF=$SLURM_CONF" "$watched/environ"; then
            basename "$watched"
        fi
    done 2>/dev/null
}

no_steps() { [ -z "$(steps)" ]; }

stop() {
    if all_run; then
        scancel --partition=main || true
        scancel --partition=urgent || true
        until_true 40 no_jobs || true # Slurm itself kills after 30 seconds what does not end when asked
    fi
    until_true 5 no_steps || steps | xargs kill -KILL
    local stopped=""
    for daemon in slurmd slurmctld munged; do
        local pid
        if pid=$(pid_of "$daemon"); then
            kill "$pid"
            until_true 20 gone "$pid" || fail "$daemon (process $pid) does not end"
            stopped="$stopped $daemon"
        fi
    done
    echo "stopped:${stopped:- nothing, nothing ran}"
}

gone() { ! kill -0 "$1"; }

status() {
    for daemon in $DAEMONS; do
        echo "$daemon: $(pid_of "$daemon" || echo "does not run")"
    done
    all_run || return 1
    sinfo
    squeue
}

case "${1:-}" in
    start | stop | status) "$1" ;;
    env) echo "export SLURM_CONF=$SLURM_CONF" ;;
    *) fail "say one of: start, stop, status, env" ;;
esac

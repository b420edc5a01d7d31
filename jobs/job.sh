# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# What the jobs share. Each reads it first, from the repository's root (which is where sbatch is called).

source jobs/site.sh # before the next line: modules and environments seldom bear `set -u`
set -euo pipefail

fail() {
    echo "${SLURM_JOB_NAME:-job}: error: $1" >&2
    exit 2
}

# Sets `share`: the flags that give this task of the array its cells, on the cores that it has; without Slurm all cells.
# Which cells task k of N owns depends on N, so the array must be whole: 0 to N-1.
take_share() {
    local tasks=${SLURM_ARRAY_TASK_COUNT:-1}
    if [ "${SLURM_ARRAY_TASK_MIN:-0}-${SLURM_ARRAY_TASK_MAX:-0}" != "0-$((tasks - 1))" ]; then
        fail "submit the whole array, such as --array=0-31%8; cells that are finished are not run again"
    fi
    share="--task_id ${SLURM_ARRAY_TASK_ID:-0} --num_tasks $tasks --workers ${SLURM_CPUS_PER_TASK:-1}"
    # Networks this small gain nothing from a GPU, and one that the job did not ask for is somebody else's.
    [ -n "${SLURM_JOB_GPUS:-}" ] || export CUDA_VISIBLE_DEVICES=
}

# run COMMAND...: run it so that a signal lets it save, and hand its exit status on.
#   USR1  comes from --signal, before the time limit: save, then put this job back into the queue.
#   TERM  comes with scancel, scontrol requeue and preemption: save. Slurm requeues by itself what is to be requeued;
#         a job that requeued itself here could not be cancelled.
# Both become TERM, which is what the programs listen to; they leave with 143 once they have saved. Some sites signal
# every process of a job, others (proctrack/cgroup) the shell alone: passing it on may make it two, which count as one.
run() {
    local child notice="" status=0
    "$@" &
    child=$! # in the background, since bash runs no trap before a foreground child has ended
    trap 'notice=yes; kill -TERM $child 2>/dev/null || true' USR1
    trap 'notice=; kill -TERM $child 2>/dev/null || true' TERM
    while kill -0 $child 2>/dev/null; do
        wait $child || true # comes back at each signal too
    done
    wait $child || status=$?
    trap - USR1 TERM
    if [ "$status" = 143 ] && [ -n "$notice" ] && [ -n "${SLURM_JOB_ID:-}" ]; then
        # A task by its number in the array: one of them bears the id of the whole, which would requeue them all.
        scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}" ||
            echo "not requeued: submit the job again, and it goes on from what is saved" >&2
    fi
    return "$status"
}

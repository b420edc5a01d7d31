# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What differs between sites, and nothing else. It is read twice:
#   in your shell, before the first sbatch:  source jobs/site.sh
#     sbatch itself looks at the SBATCH_... variables: they override a job's #SBATCH lines, which cannot hold variables,
#     and give way to sbatch's flags. Where the site's defaults serve, this step is not needed.
#   inside each job, by jobs/job.sh, for the modules, the environment and the folder of the results.
# Write your site's name here, or export SITE.
SITE=${SITE:-default}

case $SITE in
    default) ;; # sbatch's own partition and account, nothing to load

    gpu_course) # an example: a course's partition of a GPU cluster; the names are the site's
        export SBATCH_PARTITION=gpu_course SBATCH_ACCOUNT=deep_learning SBATCH_RESERVATION=lab_monday
        export SBATCH_GRES=gpu:titanrtx:1 # this partition wants a GPU by its type, in every job
        if [ -n "${SLURM_JOB_ID:-}" ]; then
            module purge
            module load 2023 Python/3.11.3-GCCcore-12.3.0
            # Made once: python -m venv ~/rnn; ~/rnn/bin/pip install -r requirements.txt
            # shellcheck disable=SC1091
            source "$HOME/rnn/bin/activate"
            SUMMARIES=${SUMMARIES:-/scratch/$USER/summaries} # home is small, and slow to write
        fi
        ;;

    laptop) # an example: jobs/local_slurm.sh on a machine without a GPU, which others want to use too
        export SBATCH_GRES=none SBATCH_MEM_PER_NODE=0
        if [ -n "${SLURM_JOB_ID:-}" ]; then renice -n 10 $$ >/dev/null; fi
        ;;

    *) echo "site.sh: error: SITE is $SITE, which is none of default, gpu_course, laptop" >&2 ;;
esac

# The Python of the jobs: PYTHON where it is set, else the environment that `make` builds, else the first on the path.
if [ -z "${PYTHON:-}" ]; then
    PYTHON=$(command -v .venv/bin/python || command -v python || echo python3)
fi
# Where the runs go: a file system that the nodes share.
SUMMARIES=${SUMMARIES:-summaries}

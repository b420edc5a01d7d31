# Two commands do all the set-up on a machine that has only Python (3.10 or later) and make:
#     make demo
#     make test

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := summaries/demo-$(shell date +%Y%m%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow figures report submission lint clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(READY) ## a network remembers twenty digits, another writes fairy tales; under five minutes
	@echo "== An LSTM reads twenty digits of a palindrome and learns to say the first of them again"
	@$(BIN)/python part1/train.py --model_type LSTM --input_length 20 --print_every 100 --summary_path $(DEMO)
	@echo; echo "== Another reads assets/grimm.txt, one character after the other, and learns to go on with it"
	@$(BIN)/python part3/train_text.py --txt_file assets/grimm.txt --train_steps 4000 --print_every 100 \
		--sample_every 500 --sample_length 60 --checkpoint_every 500 --summary_path $(DEMO)
	@for temperature in 0 0.5 1.0 2.0; do \
		echo; echo "== It goes on with \"The king\" at temperature $$temperature"; \
		$(BIN)/python part3/generate.py --checkpoint $(DEMO)/grimm_* --prompt "The king" --length 400 \
			--temperature $$temperature || exit; \
	done
	@echo; echo "== Pictures"; ls $(DEMO)/*/curves.png
	@echo "== Checkpoints"; ls $(DEMO)/*/best.pt
	@echo "== More text"
	@echo "$(BIN)/python part3/generate.py --checkpoint $$(ls -d $(DEMO)/grimm_*) --prompt \"Once\""
	@echo "== TensorBoard logs"; echo "$(BIN)/tensorboard --logdir $(DEMO)"

test: $(READY) ## the tests, about five minutes
	$(BIN)/python -m pytest -rs -n auto --dist loadfile

test-slow: $(READY) ## the tests that train to a target or kill processes
	$(BIN)/python -m pytest -m slow

figures: $(READY) ## every figure and number, from the results in report/results
	$(BIN)/python part1/gradient_plots.py
	$(BIN)/python part1/plots.py
	$(BIN)/python part2/plots.py --to report/figures
	$(BIN)/python part3/text_plots.py
	$(BIN)/python report/make.py

report: figures ## report/report.pdf, where TeX is installed
	@command -v latexmk >/dev/null || \
		{ echo "latexmk is missing: on Debian and Ubuntu, apt install latexmk texlive-latex-extra lmodern"; exit 1; }
	cd report && latexmk -pdf -usepretex="\def\sources{$$($(abspath $(BIN))/python sources.py)}" -interaction=nonstopmode \
		-halt-on-error report.tex && latexmk -c report.tex

submission: $(READY) ## code and report as NAME_assignment2.zip: make submission NAME=lastname
	@$(BIN)/python report/submission.py "$(NAME)"

lint: $(READY) ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean: ## remove the environment, caches and everything under summaries/demo-*
	rm -rf .venv .pytest_cache .ruff_cache summaries/demo-*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PyTorch's default build for Linux brings gigabytes of CUDA. Where there is no NVIDIA driver the CPU build does as well;
# it is asked of its own index alone, whatever other ones pip is configured for.
$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or later is needed: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "no venv: on Debian and Ubuntu, apt install python3-venv (it brings ensurepip)"; exit 1; }
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null; then \
		echo "no NVIDIA driver here: PyTorch's CPU build first"; \
		PIP_CONFIG_FILE=/dev/null $(BIN)/python -m pip install --no-deps --retries 1 --timeout 20 \
			--index-url https://download.pytorch.org/whl/cpu "$$(grep '^torch' requirements.txt)" || \
			echo "not to be had: the default build follows, which is large"; \
	fi
	$(BIN)/python -m pip install -r requirements.txt
	@touch $(READY)

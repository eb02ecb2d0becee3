# One contest's files lie under ARTIFACTS; every step is a target with real files before and behind it.
PYTHON ?= python3
VENV ?= .venv
# the data: synthetic, digits, bloodmnist, pbc, an2dl-npz=FILE, npz=FILE, folder=DIR or csv=FILE; DATA=FILE.npz is npz=FILE
SET ?=
DATA ?=
# how they are loaded: bloodmnist as published; side of the images; of the square in the middle; any odd file is an error
PIXELS ?=
SIZE ?=
CROP ?=
STRICT ?=
# where they are from: --mirror URL, --cache DIR, --from FILE, --offline
DATA_FLAGS ?=
SET_NAME = $(firstword $(subst =, ,$(SET)))
SET_PATH = $(patsubst $(SET_NAME)=%,%,$(filter $(SET_NAME)=%,$(SET)))
AS_LOADED = $(if $(PIXELS),-pixels$(PIXELS))$(if $(SIZE),-size$(SIZE))$(if $(CROP),-crop$(CROP))
SET_FILE = $(notdir $(abspath $(SET_PATH)))
OF_SET = $(if $(SET_PATH),$(if $(filter folder=%,$(SET)),$(SET_FILE:%.zip=%),$(basename $(SET_FILE))),$(SET))
# one folder a contest; a quick try has one of its own
ARTIFACTS ?= artifacts/$(if $(DATA),$(basename $(notdir $(DATA))),$(if $(SET),$(OF_SET),synthetic))$(AS_LOADED)$(if $(LIMIT),-limit$(LIMIT))
SEED ?= 0
FOLDS ?= 10
HOLDOUT ?= 0.15
# what is written and scored beside clean and an2dl: names with commas, or all
SUITES ?=
# recipe:fold left out:seed
MEMBERS ?= small_cnn:0:0 mobilenet_v3_small:1:0
# changes of a recipe's fields
FIELDS ?=
# names of trained runs: in place of MEMBERS, or for a soup
RUNS ?=
# a file that sets SWEEP, or one of training/sweeping/named
SWEEP ?= tiny
TRIALS ?=
TIMEOUT ?=
EXECUTOR ?= local
# of a Ray cluster, and where its runs travel through if its nodes share no disk: s3://bucket/folder
ADDRESS ?= auto
STORAGE ?=
PROFILE ?= an2dl
ZIP ?=
WITH ?=
LIMIT ?=
# kinds of finding that cleaning drops beside copies, jokes and blanks: off_topic,blurry; and the net that it looks with
DROP ?=
EMBED ?=
# time for the training of each member, such as 1h
BUDGET ?=
# what a tuned ensemble may cost: the platform's step (seconds, or a profile such as an2dl), MB, images to predict
LIMIT_S ?=
LIMIT_MB ?=
IMAGES ?=
PHASE ?=
# a leaderboard score: sha256 score phase
ADD ?=
# images to forecast, .npz or .npy
UNLABELLED ?=
# largest difference of a probability between training and what is shipped
TOLERANCE ?= 1e-5
# of the weights that are shipped: float32, float16 or int8
PRECISION ?= float32
FLAGS ?=
RUNTIME ?=
START ?=
TITLE ?=
RECIPE ?=

export TF_CPP_MIN_LOG_LEVEL ?= 3
export KERAS_BACKEND ?= tensorflow
export PYTHONPATH := $(CURDIR)

COMMA := ,

SETS := synthetic digits bloodmnist pbc
SETS_WITH_PATH := an2dl-npz npz folder csv
ifneq ($(strip $(SET)),)
ifeq ($(filter $(SETS) $(addsuffix =%,$(SETS_WITH_PATH)),$(firstword $(SET))),)
$(error expected SET to be a data set: synthetic, digits, bloodmnist, pbc, an2dl-npz=FILE, npz=FILE, folder=DIR or csv=FILE. Received: SET=$(SET)$(if $(findstring =,$(SET)),. Fields of a recipe are changed with FIELDS="$(SET)"))
endif
ifneq ($(DATA),)
$(error expected one of SET and DATA. Received: SET=$(SET) DATA=$(DATA))
endif
endif

# make takes every space for the end of a name
define NO_SPACES
ifneq (1,$(words [$($(1))]))
$$(error expected a path without spaces. Received: $(1)=$($(1)). Make a link to it: ln -s "$($(1))" NAME)
endif
endef
$(foreach name,SET DATA ARTIFACTS CURDIR ZIP WITH UNLABELLED,$(eval $(call NO_SPACES,$(name))))
$(foreach member,$(MEMBERS),$(if $(word 3,$(subst :, ,$(member))),,$(error expected members as recipe:fold:seed. Received: $(member))))

A := $(ARTIFACTS)
SETTINGS_data := $(if $(DATA),$(abspath $(DATA)),$(if $(filter-out synthetic,$(SET)),$(SET_NAME) $(abspath $(SET_PATH)),synthetic $(SEED)))$(if $(PIXELS)$(SIZE)$(CROP)$(STRICT), as $(PIXELS) $(SIZE) $(CROP) $(STRICT))
SETTINGS_clean := $(DROP) $(EMBED)
SETTINGS_split := $(FOLDS) $(HOLDOUT) $(SEED)
SETTINGS_train := $(FIELDS) $(LIMIT) $(BUDGET) $(KERAS_BACKEND)
SETTINGS_predict := $(if $(RUNS),runs $(RUNS),$(MEMBERS))
SETTINGS_suites := $(SUITES) $(SEED)
SETTINGS_export := $(PRECISION)
SETTINGS_score := $(PROFILE) $(SUITES)

# an argument of $(if) would end at a comma
ALL_SUITES := clean,an2dl,$(SUITES)
SCORED := $(if $(SUITES),--suite '$(ALL_SUITES)')

READY := $(VENV)/.ready
RUN := $(VENV)/bin/python -m
STAMPS := $(if $(RUNS),,$(foreach member,$(MEMBERS),$(A)/members/$(subst :,~,$(member)).run))

.SUFFIXES:
.SECONDARY:
PHONY := help setup recipes submission data clean clean-labels check-leaks split suites train sweep runs predict ensemble tune \
	cost soup export package score compare \
	ledger judge report \
	rules check-runtimes submit bundle sheet test test-browser test-all lint wipe FORCE
.PHONY: $(PHONY)

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

setup: $(READY) ## make the virtual environment and install what requirements.txt lists

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("error: expected Python 3.10 to 3.13. Received: %d.%d. Name another one with PYTHON=python3.11" % sys.version_info[:2] if not (3, 10) <= sys.version_info[:2] <= (3, 13) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

recipes: $(READY) ## list the recipes that MEMBERS may name (RECIPE=small_cnn: all about that one)
	@$(RUN) training.recipes $(RECIPE)

submission: report ## the whole way: data to a scored zip (DATA=training_set.npz or SET=... for your own; RUNS="NAME ...": of these runs)
	@echo; $(RUN) local_eval.score --artifacts $(A) --profile $(PROFILE) $(SCORED)
	@echo "next: look at $(A)/report/report.html, then upload the zip on the contest's page; to judge any other zip: make score ZIP=FILE.zip$(if $(DATA), DATA=$(DATA))$(if $(SET), SET=$(SET))$(if $(PIXELS), PIXELS=$(PIXELS))$(if $(SIZE), SIZE=$(SIZE))$(if $(CROP), CROP=$(CROP))"

# the file or folder that a set is made of
DATA_FILES = $(wildcard $(DATA)) $(wildcard $(SET_PATH))
# a class folder's time changes with the files in it; not by name, for names of classes have spaces
DATA_CHANGED = $(if $(filter folder=%,$(SET)),$(shell find -L '$(SET_PATH)' -maxdepth 1 -type d -newer '$(A)/data/meta.json' 2>/dev/null | head -n 1))
DATA_MISSING = $(foreach path,$(DATA) $(SET_PATH),$(if $(wildcard $(path)),,missing))
LOAD = $(if $(DATA),--data '$(DATA)',$(if $(filter-out synthetic,$(SET)),--set '$(SET)',--seed $(SEED))) \
	$(if $(PIXELS),--pixels $(PIXELS)) $(if $(SIZE),--size $(SIZE)) $(if $(CROP),--crop $(CROP)) $(if $(STRICT),--strict) $(DATA_FLAGS)
data: $(A)/data/meta.json ## draw the embedded contest, or load SET=bloodmnist|pbc|folder=DIR|csv=FILE|an2dl-npz=FILE|digits (SIZE, CROP, PIXELS, STRICT=1) or DATA=training_set.npz
$(A)/data/meta.json: $(A)/.settings/data $(DATA_FILES)$(if $(DATA_MISSING)$(DATA_CHANGED), FORCE) | $(READY)
	@$(RUN) training.data --artifacts $(A) $(LOAD)
	@touch $@

CLEAN := training.clean --artifacts $(A) $(if $(DROP),--drop '$(DROP)') $(if $(EMBED),--embed '$(EMBED)')
clean: $(A)/clean/clean.csv ## find duplicates, jokes, intruders: clean.csv, gallery.html (DROP=off_topic,blurry drops these too; EMBED=RUN looks with its net)
$(A)/clean/clean.csv: $(A)/data/meta.json $(A)/.settings/clean
	@$(RUN) $(CLEAN)
	@touch $@

clean-labels: $(STAMPS) ## after a training: find wrong labels (DROP=label_error drops them; all later steps then start anew)
	@$(RUN) $(CLEAN) --labels

check-leaks: $(A)/split/folds.csv ## is a picture in two parts, did a run or a suite use what it may not
	@$(RUN) training.check_leaks --artifacts $(A)

split: $(A)/split/folds.csv ## stratified folds by group, and the hold-out
$(A)/split/folds.csv: $(A)/clean/clean.csv $(A)/.settings/split
	@$(RUN) training.split --artifacts $(A) --folds $(FOLDS) --holdout $(HOLDOUT) --seed $(SEED)
	@touch $@

suites: $(A)/suites/.done ## shifted copies of the hold-out: select and judge parts (SUITES=stain,occlusion or all: more than clean and an2dl)
$(A)/suites/.done: $(A)/split/folds.csv $(A)/.settings/suites
	@$(RUN) local_eval.suites --artifacts $(A) --suites '$(ALL_SUITES)' --seed $(SEED)
	@touch $@

train: $(STAMPS) ## train every member of MEMBERS="recipe:fold:seed ..." (FIELDS="epochs=20 ..." changes fields; BUDGET=1h: time for each)
$(A)/members/%.run: $(A)/split/folds.csv $(A)/.settings/train $(wildcard training/recipes/*.py)
	@$(RUN) training.train --artifacts $(A) --recipe $(word 1,$(subst ~, ,$*)) --fold $(word 2,$(subst ~, ,$*)) \
		--seed $(word 3,$(subst ~, ,$*)) --set $(FIELDS) $(if $(LIMIT),--limit $(LIMIT)) $(if $(BUDGET),--budget '$(BUDGET)') --name-to $@

sweep: $(A)/suites/.done ## train many: SWEEP=NAME or FILE.py (a grid or a search; TRIALS=50 TIMEOUT=8h; EXECUTOR=ray ADDRESS=auto STORAGE=s3://bucket/folder: on a cluster); what is done is not repeated
	@$(RUN) training.sweep --artifacts $(A) --sweep '$(SWEEP)' --executor $(EXECUTOR) $(if $(filter ray,$(EXECUTOR)),--address '$(ADDRESS)') $(if $(STORAGE),--storage '$(STORAGE)') $(if $(TRIALS),--trials $(TRIALS)) $(if $(TIMEOUT),--timeout $(TIMEOUT)) $(FLAGS)

runs: $(READY) ## list the runs; FLAGS="--best 10 --by an2dl.select" the best, --compare, --export FILE.csv, --prune
	@$(RUN) training.runs --artifacts $(A) $(FLAGS)

predict: $(A)/members/.predicted ## out-of-fold and shifted predictions of every member and view
$(A)/members/.predicted: $(STAMPS) $(wildcard $(RUNS:%=$(A)/runs/%/best.weights.h5)) $(A)/suites/.done $(A)/.settings/predict
	@mkdir -p $(@D); $(RUN) training.predict --artifacts $(A) $(if $(RUNS),$(RUNS:%=--run '%'),$(foreach stamp,$(STAMPS),--run "$$(cat $(stamp))"))
	@touch $@

ensemble: $(A)/ensemble/ensemble.json ## fit the weights of members and views under shift
$(A)/ensemble/ensemble.json: $(A)/members/.predicted
	@$(RUN) ensembles.fit --artifacts $(A) --unless-tuned --runs $(if $(RUNS),$(RUNS:%='%'),$(foreach stamp,$(STAMPS),"$$(cat $(stamp))"))
	@touch $@

# every suite that is written, or those that are named
TUNE_ON = $(if $(filter all,$(SUITES)),$$(cd '$(A)/suites' && ls -d */select | cut -d/ -f1),clean an2dl $(subst $(COMMA), ,$(SUITES)))

tune: $(STAMPS) $(A)/suites/.done ## every way to weigh all trained runs, on SUITES=all or those named, with nested scores (LIMIT_S=an2dl, LIMIT_MB=300)
	@$(RUN) training.predict --artifacts $(A) --suite $(TUNE_ON) $(RUNS:%=--run '%')
	@$(RUN) ensembles.fit --artifacts $(A) --methods all --suites $(TUNE_ON) $(if $(RUNS),--runs $(RUNS)) $(if $(LIMIT_S),--limit-s $(LIMIT_S)) \
		$(if $(LIMIT_MB),--limit-mb $(LIMIT_MB)) $(if $(IMAGES),--images $(IMAGES)) --precision $(PRECISION)
	@$(RUN) ensembles.contribution --artifacts $(A)

cost: $(STAMPS) $(A)/suites/.done ## what each trained run costs on the platform: ms an image and view, load time, megabytes (PRECISION=int8: and points)
	@$(RUN) submission.cost --artifacts $(A) $(RUNS:%=--run '%') --precision $(PRECISION)

soup: $(A)/split/folds.csv ## average the weights of runs of one recipe and fold: make soup RUNS="NAME NAME", then make tune
	@$(RUN) training.soup --artifacts $(A) --runs $(or $(RUNS),$(error expected names of folders in $(A)/runs, of one recipe and fold. Received: no RUNS="NAME NAME")) $(FLAGS)

export: $(A)/export/.done ## every member as a TensorFlow SavedModel (PRECISION=float16 or int8: weights of half or a quarter of the size)
$(A)/export/.done: $(A)/ensemble/ensemble.json $(A)/.settings/export
	@$(RUN) submission.export --artifacts $(A) --precision $(PRECISION) --tolerance $(TOLERANCE)
	@touch $@

package: $(A)/submissions/latest.json ## the zip, after all rules have passed
$(A)/submissions/latest.json: $(A)/export/.done $(wildcard submission/kit/*.py) submission/model.py
	@$(RUN) submission.package --artifacts $(A) --tolerance $(TOLERANCE)
	@touch $@

score: $(A)/suites/.done $(if $(ZIP),,$(A)/submissions/latest.json) ## run the zip as Codabench does and forecast the hidden score (ZIP=any.zip, UNLABELLED=images.npz)
	@$(RUN) local_eval.score --artifacts $(A) --profile $(PROFILE) $(SCORED) $(if $(ZIP),--zip '$(ZIP)') \
		$(if $(UNLABELLED),--unlabelled '$(UNLABELLED)')
$(A)/judge/score.json: $(A)/submissions/latest.json $(A)/suites/.done $(A)/.settings/score
	@$(RUN) local_eval.score --artifacts $(A) --profile $(PROFILE) $(SCORED) --brief
	@touch $@

compare: $(A)/suites/.done ## is B better than A, or is it noise: make compare ZIP=a.zip WITH=b.zip
	@$(RUN) local_eval.compare '$(ZIP)' '$(WITH)' --artifacts $(A) --profile $(PROFILE)

ledger: $(READY) ## every zip with its scores; make ledger ADD="sha256 score phase" adds one of the leaderboard
	@$(RUN) local_eval.ledger --artifacts $(A) $(if $(ADD),add $(ADD),list)

judge: $(READY) ## run a zip on any organiser's bundle: make judge ZIP=any.zip BUNDLE=competition.zip PHASE=0
	@$(RUN) local_eval.run '$(ZIP)' --artifacts $(A) --bundle '$(BUNDLE)' --phase $(or $(PHASE),0) $(FLAGS)

report: $(A)/report/report.html ## one HTML page and one picture of it all
$(A)/report/report.html: $(A)/judge/score.json
	@$(RUN) local_eval.report --artifacts $(A)
	@touch $@

rules: $(READY) ## check the packaged zip, or ZIP=any.zip, against the platform's rules (RUNTIME=tf217: what it may import)
	@$(RUN) submission.rules --artifacts $(A) $(if $(RUNTIME),--runtime $(RUNTIME)) $(if $(ZIP),'$(ZIP)')

check-runtimes: $(READY) ## run the packaged zip, or ZIP=any.zip, under every file of submission/runtimes/ (RUNTIME=tf217: that one alone)
	@$(RUN) submission.check_runtimes --artifacts $(A) $(if $(RUNTIME),--runtime $(RUNTIME)) $(if $(ZIP),'$(ZIP)')

submit: $(READY) ## upload a judged zip, wait, fetch its logs: make submit ZIP=FILE.zip PHASE=ID (token in CODABENCH_TOKEN)
	@$(RUN) local_eval.submit $(if $(ZIP),'$(ZIP)') --artifacts $(A) $(if $(PHASE),--phase '$(PHASE)') $(FLAGS)

bundle: $(A)/suites/.done ## the zip with which an organiser hosts this contest on Codabench (START=2027-01-01, TITLE=...)
	@$(RUN) local_eval.bundle --artifacts $(A) $(if $(START),--start '$(START)') $(if $(TITLE),--title '$(TITLE)')

sheet: $(A)/data/meta.json ## a picture of every augmentation
	@$(RUN) training.augment.sheet --artifacts $(A)

test: $(READY) ## the tests, within ten minutes on two cores
	$(RUN) pytest -n 2 --dist worksteal

test-browser: $(READY) ## the report and the results page in Chromium; skipped where there is none
	$(RUN) pytest -m browser -rs tests/test_pages.py

test-all: $(READY) ## the slow tests too: the main job end to end, a real browser
	$(RUN) pytest -n 2 --dist worksteal -m ''

lint: $(READY) ## ruff and mypy
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

wipe: ## remove all files of this contest (the folder ARTIFACTS), not the environment
	rm -rf -- '$(A)'

# Holds what the command line says; its time changes when that changes.
$(A)/.settings/%: FORCE
	@mkdir -p $(@D); echo "$(SETTINGS_$*)" | cmp -s - $@ || echo "$(SETTINGS_$*)" > $@

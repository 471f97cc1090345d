# Everything runs on the Node that package.json pins: npm puts it first on the PATH of its scripts.
.DEFAULT_GOAL := help
.PHONY: help install build lint format crds unit test e2e demo bench memory faults faults-long cluster cluster-down image kind screenshots clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

node_modules/.package-lock.json: package.json package-lock.json */package.json
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

install: node_modules/.package-lock.json ## Install what the project needs into node_modules

build: install ## Compile
	npm run --silent build

lint: build ## Check style and types
	npm run --silent lint

format: install ## Format every file
	npm run --silent format

crds: install ## Write the CustomResourceDefinitions in crds/ from the schemas in api/
	npx --no-install tsc --build crds
	npx --no-install node crds/dist/write.js

unit: build ## Run the unit tests
	npm run --silent test:unit

test: lint ## Run all tests, those on a real Kafka included; ends with "N passed, N failed"
	npm run --silent test:all

e2e: build ## Run the suites that need a Kubernetes, the OpenTelemetry Collector or promtool; IHUB_E2E_KUBECONFIG=FILE takes one that is there for the operator's
	npx --no-install mocha 'e2e/dist/{argo-cd,chart,chart-*,crds,operator,operator-*,status}.test.js' 'e2e/dist/cluster/*.test.js' 'e2e/dist/*.e2e.js'

demo: build ## Start Kafka, two flows and a mock MPI, send the samples, show what arrives, stop
	npm run --silent demo

bench: build ## Run the benchmarks, ours and peers side by side; ARGS="hl7 --json" for one section as JSON lines
	npm run --silent bench -- $(ARGS)

FAULTS = npx --no-install node e2e/dist/faults/main.js --report .ihub/faults-report.json

memory: build ## Send 10,000,000 messages and print each worker's memory on the way; ARGS="--messages 500000"
	npx --no-install node bench/dist/memory.js $(ARGS)

faults: build ## Break a hub over two zones in every way there is, under 200,000 messages; ARGS="--seed 6" (root)
	$(FAULTS) --messages 200000 $(ARGS)

faults-long: build ## The same for an hour or more, two faults at a time by chance (root)
	$(FAULTS) --messages 200000 --minutes 60 $(ARGS)

# A cluster's networks and containers are root's.
CLUSTER = $(if $(filter-out 0,$(shell id -u)),sudo -E env "PATH=$$PATH" "HOME=$$HOME") npx --no-install node e2e/dist/cluster/main.js

cluster: build ## Start a real Kubernetes of two zones on this machine (docs/cluster.md); prints its KUBECONFIG
	$(CLUSTER) up

cluster-down: build ## End the cluster; nothing of it is left
	$(CLUSTER) down

image: build ## Pack the image of workers and operator without Docker, and give it to the cluster if one is up
	$(CLUSTER) image

kind: build ## Start the same two zones with kind, for those who have Docker; unproven, see docs/cluster.md
	npx --no-install node e2e/dist/cluster/main.js kind

screenshots: build ## Write the pictures of the console in docs/console/, with sample data
	npx --no-install node e2e/dist/console-screenshots.js

clean: ## Remove what was compiled and what the demo left
	rm -rf */dist console/web/dist .ihub

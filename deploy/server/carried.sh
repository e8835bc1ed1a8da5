# shellcheck shell=bash
# Which settings a host of workers has from the host of Redis. Everything else is its own, or none of its business: no
# password but the workers' leaves. A test compares it with all variables that there are.
# shellcheck disable=SC2034 # for those who source it
carried='REDIS_(HOST|PORT|TLS|CA_FILE|PREFIX|WORKER_PASSWORD)|RAY_[A-Z_]+|(DATASETS|MODELS)_DIR|URI_SCHEMES'
carried+='|WORKER_(DATASETS_DIR|MODELS_DIR|SHUTDOWN_TIMEOUT|LOCK_DURATION|STOP_GRACE)|ISOLATED_[A-Z_]+'
carried+='|(RESULT|FAILURE)_(AGE|COUNT)|JOB_LOG_LINES|NOTIFY_[A-Z_]+|HEALTH_CHANNELS|OTEL_[A-Z_]+|LOG_(LEVEL|FORMAT)'

# bash completion for credman. Written by scripts/completions.py: change that, not this.
#
# It needs bash 3.2 or later and no other package. Commands, options and providers stand in here, so
# that no process is started for them. Names come from `credman __complete`, which opens nothing and
# asks nobody; nothing that it prints is ever evaluated.

_credman() {
    local IFS=$' \t\n'
    COMPREPLY=()
    __credman_complete || : # behind || no status ends a shell with set -e
}

__credman_resolve() {
    case $command in
        (ls) command=list ;;
        (rm) command=remove ;;
        (run) command=exec ;;
    esac
}

__credman_entries() {
    case $1 in
        ('')
            entries=(
                '-h|Show the commands'
                '--help|Show the commands'
                '-V|Show the version'
                '--version|Show the version'
            )
            ;;
        ('commands')
            entries=(
                'init|Make the store, and a recovery key for it'
                'add|Store a token'
                'get|Print one value'
                'show|Show what is known of a token, its values masked'
                'list|List the tokens of an environment'
                'remove|Remove a token'
                'rename|Give a token another name'
                'copy|Copy a token into another environment'
                'check|Ask providers whether tokens are live'
                'rotate|Replace a token by a new one'
                'revoke|End an old version of a token at its provider'
                'history|Show the versions of a token'
                'rollback|Make a former version the current one again'
                'schedule|Say how often a token is to be rotated'
                'due|Show what is to be rotated, expires or waits, and by when'
                'scan|Find leaked tokens'
                'clean|Take leaked tokens out of files, notebooks and histories'
                'env|Print text for eval that sets an environment'\''s variables'
                'exec|Run a command with an environment'\''s variables'
                'export|Write an environment'\''s values in clear'
                'passwd|Change the passphrase'
                'backup|Write a backup to a new file, and read it back'
                'restore|Make a copy of the vault the one that counts'
                'doctor|Look at the installation, the store and what lies beside it'
                'providers|List the services whose tokens credman knows'
                'unlock|Open the store, and keep it open for a while'
                'lock|Close what is open'
                'status|Tell what is open, and for how long'
                'use|Choose the environment and profile used by default'
                'completions|Print the completion script of a shell'
                'hook|install, uninstall, status'
                'recovery|new, verify'
                'remind|install, uninstall, status, run'
                'slot|list, add, remove'
                'store|move'
                'ls|List the tokens of an environment'
                'rm|Remove a token'
                'run|Run a command with an environment'\''s variables'
                'help|Show what a command does'
            )
            ;;
        ('group hook')
            entries=(
                'install|Stop tokens from being committed or pushed from here'
                'uninstall|Take the git hooks away, and put back what was there'
                'status|Tell which git hooks are installed, and whether they work'
            )
            ;;
        ('group recovery')
            entries=(
                'new|Make a new recovery key'
                'verify|Try whether a recovery key opens the vault'
            )
            ;;
        ('group remind')
            entries=(
                'install|Install a timer that tells once a day what is due'
                'uninstall|Take the timer away, from every scheduler that has one'
                'status|Tell whether a timer is installed, and when it runs next'
                'run|Tell what is due, each stage once'
            )
            ;;
        ('group slot')
            entries=(
                'list|List what opens the vault'
                'add|Add another way to open the vault'
                'remove|Take a way to open the vault away'
            )
            ;;
        ('group store')
            entries=(
                'move|Move all tokens to another store'
            )
            ;;
        ('providers')
            entries=(
                '11labs|ElevenLabs'
                'aistudio|Google AI Studio (Gemini API)'
                'anthropic|Anthropic (Claude API)'
                'aoai|Azure OpenAI / Azure AI Foundry'
                'argilla|Argilla'
                'atlassian|Bitbucket Cloud (Atlassian API token)'
                'aws|AWS'
                'aws-iam|AWS'
                'azure|Azure (service principal)'
                'azure-openai|Azure OpenAI / Azure AI Foundry'
                'bitbucket|Bitbucket Cloud (Atlassian API token)'
                'cerebras|Cerebras Inference'
                'cf|Cloudflare'
                'chatgpt-api|OpenAI'
                'claude|Anthropic (Claude API)'
                'cloudflare|Cloudflare'
                'cohere|Cohere'
                'comet|Comet ML / Opik'
                'comet-ml|Comet ML / Opik'
                'databricks|Databricks (also the MLflow tracking backend)'
                'dbx|Databricks (also the MLflow tracking backend)'
                'deepl|DeepL API'
                'deepseek|DeepSeek'
                'digitalocean|DigitalOcean'
                'discord|Discord bot'
                'do|DigitalOcean'
                'docker|Docker Hub'
                'docker-hub|Docker Hub'
                'dockerhub|Docker Hub'
                'elevenlabs|ElevenLabs'
                'entra|Azure (service principal)'
                'fireworks|Fireworks AI'
                'fireworksai|Fireworks AI'
                'gcp|Google Cloud (service account)'
                'gcp-service-account|Google Cloud (service account)'
                'gemini|Google AI Studio (Gemini API)'
                'gh|GitHub'
                'github|GitHub'
                'gitlab|GitLab'
                'glab|GitLab'
                'google-ai-studio|Google AI Studio (Gemini API)'
                'google-cloud|Google Cloud (service account)'
                'google-gemini|Google AI Studio (Gemini API)'
                'gpt|OpenAI'
                'grok|xAI (Grok)'
                'groq|Groq'
                'hf|Hugging Face'
                'hub|Hugging Face'
                'huggingface|Hugging Face'
                'jina|Jina AI'
                'jinaai|Jina AI'
                'kaggle|Kaggle'
                'label-studio|Label Studio (HumanSignal)'
                'labelstudio|Label Studio (HumanSignal)'
                'lambda|Lambda Cloud'
                'lambda-cloud|Lambda Cloud'
                'lambda-labs|Lambda Cloud'
                'lambdalabs|Lambda Cloud'
                'langchain|LangSmith (LangChain)'
                'langfuse|Langfuse'
                'langsmith|LangSmith (LangChain)'
                'lightning|Lightning AI'
                'lightning-ai|Lightning AI'
                'milvus|Zilliz Cloud (Milvus)'
                'mistral|Mistral AI'
                'mistralai|Mistral AI'
                'mlflow|MLflow tracking server'
                'mlflow-tracking|MLflow tracking server'
                'modal|Modal'
                'neptune|neptune.ai'
                'ngc|NVIDIA NGC / NIM (build.nvidia.com)'
                'nim|NVIDIA NGC / NIM (build.nvidia.com)'
                'npm|npm'
                'npmjs|npm'
                'nvidia|NVIDIA NGC / NIM (build.nvidia.com)'
                'nvidia-ngc|NVIDIA NGC / NIM (build.nvidia.com)'
                'ollama|Ollama Cloud'
                'ollama-cloud|Ollama Cloud'
                'openai|OpenAI'
                'openrouter|OpenRouter'
                'opik|Comet ML / Opik'
                'perplexity|Perplexity'
                'pinecone|Pinecone'
                'postman|Postman'
                'pplx|Perplexity'
                'pypi|PyPI'
                'qdrant|Qdrant / Qdrant Cloud'
                'replicate|Replicate'
                'roboflow|Roboflow'
                'runpod|RunPod'
                'sendgrid|SendGrid'
                'sentry|Sentry'
                'slack|Slack'
                'slack-config|Slack configuration token'
                'slack-manifest|Slack configuration token'
                'snowflake|Snowflake'
                'stability|Stability AI'
                'stabilityai|Stability AI'
                'stripe|Stripe'
                'telegram|Telegram bot'
                'testpypi|TestPyPI'
                'tg|Telegram bot'
                'together|Together AI'
                'togetherai|Together AI'
                'twilio|Twilio'
                'vast|Vast.ai'
                'vast-ai|Vast.ai'
                'vastai|Vast.ai'
                'voyage|Voyage AI (MongoDB)'
                'voyageai|Voyage AI (MongoDB)'
                'wandb|Weights & Biases'
                'wcd|Weaviate / Weaviate Cloud'
                'weaviate|Weaviate / Weaviate Cloud'
                'weights-and-biases|Weights & Biases'
                'xai|xAI (Grok)'
                'zilliz|Zilliz Cloud (Milvus)'
            )
            ;;
        (*) return 1 ;;
    esac
}

__credman_syntax() {
    case $1 in
        ('init')
            positionals=(
            )
            options=(
                '--no-keyring|||Open it with a passphrase only'
                '--recovery-file||file|Write the recovery key to a new file'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('add')
            positionals=(
                'provider'
            )
            options=(
                '--provider||provider|Who issued it; see `providers`'
                '--var|*|text|A variable that carries the value; repeatable'
                '--field|*|text|A part with a value of its own; repeatable'
                '--expires||text|Such as 2027-03-31'
                '--rotate-every||text|Days or weeks'
                '--command||text|Prints the value, again when it ends'
                '--ttl||text|How long a printed value is good'
                '--shell|||Run CMD by /bin/sh, not as a program'
                '--isolated|||Its environment inherits nothing from default'
                '--note||text|A remark'
                '--replace|||Give an existing token a new version'
                '--no-check|||Do not look whether the value looks right or works'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('get')
            positionals=(
                'token'
            )
            options=(
                '--field||field|Which part, of several'
                '--reveal|||Print it even to a terminal'
                '--clip|||To the clipboard, cleared after 30 s if unchanged'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('show')
            positionals=(
                'token'
            )
            options=(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('list')
            positionals=(
            )
            options=(
                '--all|||Those of every environment and profile'
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('remove')
            positionals=(
                'own'
            )
            options=(
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('rename')
            positionals=(
                'own'
                'text'
            )
            options=(
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('copy')
            positionals=(
                'token'
            )
            options=(
                '--to-env||environment|Where the copy goes; made if it is new'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('check')
            positionals=(
                'token*'
            )
            options=(
                '--all|||Those of every environment and profile'
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('rotate')
            positionals=(
                'own'
            )
            options=(
                '--auto|||The token asks its provider for its successor'
                '--manual|||You make the new one'
                '--grace||text|How long the old one is to live'
                '--resume|||Go on where it was broken off'
                '--abort|||Give up one that was broken off'
                '--no-check|||Do not look whether the value looks right or works'
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('revoke')
            positionals=(
                'own'
            )
            options=(
                '--version||text|The number of the version'
                '--compromised|||Somebody may know it: never hand it out again'
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('history')
            positionals=(
                'token'
            )
            options=(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('rollback')
            positionals=(
                'own'
            )
            options=(
                '--to||text|To this version; else the last one'
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('schedule')
            positionals=(
                'own'
            )
            options=(
                '--every||text|Rotate it this often: 90d, 12w, 3mo, 1y'
                '--expires||text|When it ends by itself: 2027-03-31'
                '--remind||text|How long before to remind of it'
                '--grace||text|How long an old version is to live on'
                '--off|||No rotation, and no date'
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('due')
            positionals=(
            )
            options=(
                '--within||text|Leave out what is later than that'
                '--policy|||Also tell what the configured policy forbids'
                '--json|||Print JSON'
                '--ics|||Print a calendar to subscribe to'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('remind install')
            positionals=(
            )
            options=(
                '--at||text|When, in local time; else 09:00'
                '--scheduler||=systemd,launchd,cron,tasks|One of systemd, launchd, cron, tasks'
                '--command||text|What is due goes to it as well, as JSON'
                '--dry-run|||Show what would be written, and write nothing'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('remind uninstall')
            positionals=(
            )
            options=(
                '-h --help|||Show what it does'
            )
            ;;
        ('remind status')
            positionals=(
            )
            options=(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
            ;;
        ('remind run')
            positionals=(
            )
            options=(
                '--command||text|Also give them to it, as JSON on stdin'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('scan')
            positionals=(
                'file*'
            )
            options=(
                '--staged|||What the next commit would hold'
                '--history|||All that this git repository has ever held'
                '--upload||file|What upload_folder(DIR) would send'
                '--stdin|||A pasted text, such as an error of the Hub'
                '--respect-gitignore|||Leave out what git ignores'
                '--format||=text,json,sarif|One of text, json, sarif'
                '--baseline||file|Findings that were accepted before'
                '--accept|||Accept all that is found, in the baseline'
                '--no-store|||Do not open the store for its values'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('clean')
            positionals=(
                'file*'
            )
            options=(
                '--dry-run|||Show what would change, and change nothing'
                '--yes|||Do not ask'
                '--suggest|||Show what to write in code in place of each'
                '--shell-history|||The histories of shells as well'
                '--baseline||file|Findings that were accepted before'
                '--no-store|||Do not open the store for its values'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('hook install')
            positionals=(
            )
            options=(
                '--pre-commit|||The hook for commits; else both'
                '--pre-push|||The hook for pushes; else both'
                '--dry-run|||Show what would be written, and write nothing'
                '-y --yes|||Do not ask'
                '-h --help|||Show what it does'
            )
            ;;
        ('hook uninstall')
            positionals=(
            )
            options=(
                '--pre-commit|||The hook for commits; else both'
                '--pre-push|||The hook for pushes; else both'
                '-y --yes|||Do not ask'
                '-h --help|||Show what it does'
            )
            ;;
        ('hook status')
            positionals=(
            )
            options=(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
            ;;
        ('env')
            positionals=(
                'environment'
            )
            options=(
                '--shell||=auto,posix,bash,zsh,sh,fish|Whose syntax; auto looks at who is calling'
                '--only||list|Only these tokens or variables'
                '--unset|||Take the variables out again'
                '--reveal|||Print it even to a terminal'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('exec')
            positionals=(
                'environment'
            )
            options=(
                '--only||list|Only these tokens or variables'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('export')
            positionals=(
                'environment'
            )
            options=(
                '--format||=dotenv,json,yaml,toml,docker,github,k8s|One of dotenv, json, yaml, toml, docker, github, k8s'
                '-o --output||file|Write to this new file, mode 0600'
                '--only||list|Only these tokens or variables'
                '--reveal|||Print it even to a terminal'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('passwd')
            positionals=(
            )
            options=(
                '--slot||text|Another slot than the one that opens it now'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('slot list')
            positionals=(
            )
            options=(
                '--json|||Print JSON'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('slot add')
            positionals=(
                '=passphrase,keyring'
            )
            options=(
                '--label||text|What people call it'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('slot remove')
            positionals=(
                'text'
            )
            options=(
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('recovery new')
            positionals=(
            )
            options=(
                '--recovery-file||file|Write the recovery key to a new file'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('recovery verify')
            positionals=(
            )
            options=(
                '--recovery-file||file|The file that holds it'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('store move')
            positionals=(
                'store'
            )
            options=(
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('backup')
            positionals=(
                'file'
            )
            options=(
                '--passphrase|||Ask for a passphrase that opens it as well'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('restore')
            positionals=(
                'file'
            )
            options=(
                '--previous|||The copy before the last write'
                '--merge|||Only take the tokens that are missing here'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('doctor')
            positionals=(
            )
            options=(
                '--accept|||Go on with this vault, though another was seen here last'
                '--json|||Print JSON'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('providers')
            positionals=(
                'provider'
            )
            options=(
                '--validate|||Check the files that this is read from'
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
            ;;
        ('unlock')
            positionals=(
            )
            options=(
                '--for||text|Minutes, hours or days, used or not'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('lock')
            positionals=(
            )
            options=(
                '-h --help|||Show what it does'
            )
            ;;
        ('status')
            positionals=(
            )
            options=(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
            ;;
        ('use')
            positionals=(
            )
            options=(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
            ;;
        ('completions')
            positionals=(
                '=bash,zsh,fish,powershell'
            )
            options=(
                '-h --help|||Show what it does'
            )
            ;;
        (*) return 1 ;;
    esac
}

__credman_complete() {
    local -a words=() entries=() positionals=() options=() found=() told=()
    local index=0 current="" typed="" lead="" command="" start=2
    __credman_read_line
    case $current in [\"\']*) current=${current#?} ;; esac # readline keeps the quote itself
    typed=$current
    if [[ $index -gt 1 && ${words[1]} == help ]]; then
        __credman_offer_help
    elif [[ $index == 1 && $current == -* ]]; then
        __credman_entries "" && __credman_offer_entries
    elif [[ $index == 1 ]]; then
        __credman_entries commands && __credman_offer_entries
    else
        command=${words[1]}
        __credman_resolve
        if __credman_entries "group $command"; then
            if [[ $index == 2 ]]; then
                __credman_offer_entries
                __credman_reply
                return
            fi
            command="$command ${words[2]}" start=3
        fi
        __credman_syntax "$command" && __credman_scan
    fi
    __credman_reply
}

# Puts together what bash took apart at = and : (COMP_WORDBREAKS), and finds the word at the cursor.
__credman_read_line() {
    local rest=$COMP_LINE before=${COMP_LINE:0:COMP_POINT} trimmed word i at=0 is_open=""
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        if [[ -z $is_open || $trimmed != "$rest" ]]; then
            words[${#words[@]}]=$word
            at=$((${#COMP_LINE} - ${#trimmed}))
        else
            words[${#words[@]} - 1]=${words[${#words[@]} - 1]}$word
        fi
        if [[ $i == "$COMP_CWORD" ]]; then
            index=$((${#words[@]} - 1))
            current=${before:at}
        fi
        rest=${trimmed#"$word"} is_open=$word
    done
}

__credman_offer_help() {
    if [[ $index == 2 ]]; then
        __credman_entries commands && __credman_offer_entries
    elif [[ $index == 3 ]] && __credman_entries "group ${words[2]}"; then
        __credman_offer_entries
    fi
}

# Goes through the line for what is given on it, and offers what may stand at the cursor.
__credman_scan() {
    local i word names="" repeats="" kind="" help="" pending="" closed="" seen=0 given=""
    local environment="" profile="" store="" token="" at_pending="" at_closed="" at_seen=0
    for ((i = start; i < ${#words[@]}; i++)); do
        word=${words[i]//[\"\'\\]/}
        if [[ $command == exec && $word == -- && $i != "$index" ]]; then
            [[ $i -gt $index ]] && break
            __credman_delegate
            return
        elif [[ $i == "$index" ]]; then
            at_pending=$pending at_closed=$closed at_seen=$seen
            if [[ -n $pending ]]; then
                pending=""
            elif [[ -n $closed || $word != -* ]]; then
                seen=$((seen + 1))
            fi
        elif [[ -n $pending ]]; then
            __credman_note "$pending" "$word"
            pending=""
        elif [[ -z $closed && $word == -- ]]; then
            closed=1
        elif [[ -z $closed && $word == -?* ]]; then
            __credman_take "$word"
        else
            __credman_positional "$seen"
            case $kind in
                environment) environment=${environment:-$word} ;;
                token | own) token=${token:-$word} ;;
            esac
            seen=$((seen + 1))
        fi
    done
    if [[ -n $at_pending ]]; then
        __credman_option "${at_pending%% *}" && __credman_offer_values
    elif [[ -z $at_closed && $current == --*=* ]]; then
        if __credman_option "${current%%=*}" && [[ -n $kind ]]; then
            lead=${current%%=*}= typed=${current#*=}
            __credman_offer_values
        fi
    elif [[ -z $at_closed && $current == -* ]]; then
        __credman_offer_options
    else
        __credman_positional "$at_seen"
        if [[ -n $kind ]]; then
            __credman_offer_values
        elif [[ -z $at_closed && -z $current ]]; then
            __credman_offer_options
        fi
    fi
}

# Args: an option's name. Sets names, repeats, kind, help. Returns: whether the command has it.
__credman_option() {
    local entry
    for entry in "${options[@]}"; do
        case " ${entry%%|*} " in
            *" $1 "*)
                IFS='|' read -r names repeats kind help <<<"$entry"
                return 0
                ;;
        esac
    done
    return 1
}

__credman_take() {
    local name=$1 value="" has_value=""
    case $1 in
        --*=*) name=${1%%=*} value=${1#*=} has_value=1 ;;
        --*) ;;
        -??*) name=${1:0:2} value=${1:2} has_value=1 ;;
    esac
    __credman_option "$name" || return 0
    given="$given<$names>"
    if [[ -n $kind && -n $has_value ]]; then
        __credman_note "$names" "$value"
    elif [[ -n $kind ]]; then
        pending=$names
    fi
}

__credman_note() {
    case " $1 " in
        *" --env "*) environment=$2 ;;
        *" --profile "*) profile=$2 ;;
        *" --store "*) store=$2 ;;
    esac
}

# Args: how many stand before it. Sets kind: of the word there; empty if none is taken.
__credman_positional() {
    local last=$((${#positionals[@]} - 1))
    kind=""
    if [[ $1 -le $last ]]; then
        kind=${positionals[$1]%\*}
    elif [[ $last -ge 0 && ${positionals[last]} == *\* ]]; then
        kind=${positionals[last]%\*}
    fi
}

__credman_offer_options() {
    local entry word
    for entry in "${options[@]}"; do
        IFS='|' read -r names repeats kind help <<<"$entry"
        [[ -z $repeats && $given == *"<$names>"* ]] && continue
        for word in $names; do
            __credman_add "$word" "$help"
        done
    done
    [[ $command == exec ]] && __credman_add -- "The command to run follows"
    return 0
}

__credman_offer_entries() {
    local entry
    for entry in "${entries[@]}"; do
        __credman_add "${entry%%|*}" "${entry#*|}"
    done
}

__credman_offer_values() {
    local rest word
    case $kind in
        =*)
            rest=${kind#=},
            while [[ -n $rest ]]; do
                __credman_add "${rest%%,*}" ""
                rest=${rest#*,}
            done
            ;;
        provider) __credman_entries providers && __credman_offer_entries ;;
        environment) __credman_ask environments ;;
        profile) __credman_ask profiles ;;
        token) __credman_ask tokens ;;
        own) __credman_ask own ;;
        field) [[ -z $token ]] || __credman_ask fields "$token" ;;
        list)
            compopt -o nospace 2>/dev/null # another name may follow
            rest=${typed%"${typed##*,}"}
            lead=$lead$rest typed=${typed##*,}
            __credman_ask tokens ",$rest"
            ;;
        file) __credman_offer_files ;;
        store)
            case $typed in
                file:*)
                    lead=${lead}file: typed=${typed#file:}
                    __credman_offer_files
                    ;;
                *)
                    compopt -o nospace 2>/dev/null
                    __credman_add file: "A file, such as file:~/team.age"
                    __credman_add keyring: "Each token an item of the keyring"
                    ;;
            esac
            ;;
    esac
}

# Args: what to ask for; for tokens, names between commas that are not offered again.
__credman_ask() {
    local kind=$1 program=credman first=${words[0]//[\"\'\\]/} lines word help
    local -a request=("$1")
    [[ $kind == fields ]] && request=("$1" "$2")
    [[ -n $environment ]] && request=("${request[@]}" -e "$environment")
    [[ -n $profile ]] && request=("${request[@]}" -p "$profile")
    [[ -n $store ]] && request=("${request[@]}" --store "$store")
    case $first in '~/'*) first=$HOME/${first#??} ;; esac
    [[ $first == */credman && -x $first && ! -d $first ]] && program=$first
    lines=$(command "$program" __complete "${request[@]}" 2>/dev/null </dev/null) || return 0
    while IFS=$'\t' read -r word help; do
        case $word in '' | [!A-Za-z0-9_]* | *[!A-Za-z0-9._-]*) continue ;; esac
        [[ $kind == tokens && ${2:-} == *",$word,"* ]] && continue
        __credman_add "$word" "$help"
    done <<<"$lines"
}

__credman_add() {
    case $1 in
        "$typed"*)
            found[${#found[@]}]=$lead$1
            told[${#told[@]}]=$2
            ;;
    esac
}

# What bash puts in place of the word at the cursor begins behind the last = or : at which it breaks.
__credman_reply() {
    local tail=$current cut i width=0 line count=${#found[@]} columns=${COLUMNS:-80}
    [[ $COMP_WORDBREAKS == *=* ]] && tail=${tail##*=}
    [[ $COMP_WORDBREAKS == *:* ]] && tail=${tail##*:}
    cut=$((${#current} - ${#tail}))
    for ((i = 0; i < count; i++)); do
        found[i]=${found[i]:cut}
        [[ ${#found[i]} -gt $width ]] && width=${#found[i]}
    done
    for ((i = 0; i < count; i++)); do
        line=${found[i]}
        case ${COMP_TYPE:-9} in
            # Only where a list is shown: then nothing but what all have in common is inserted.
            33 | 63 | 64)
                if [[ $count -gt 1 && -n ${told[i]} ]]; then
                    printf -v line "%-${width}s  (%s)" "$line" "${told[i]}"
                    [[ ${#line} -ge $columns ]] && line="${line:0:columns-5}..)"
                fi
                ;;
        esac
        COMPREPLY[${#COMPREPLY[@]}]=$line
    done
    return 0
}

__credman_offer_files() {
    local tail=$current path lines
    [[ $COMP_WORDBREAKS == *=* ]] && tail=${tail##*=}
    [[ $COMP_WORDBREAKS == *:* ]] && tail=${tail##*:}
    # The shell's own completion knows quotes, ~ and directories; it sees what stands behind = only.
    if [[ $tail == "$typed" ]] && compopt -o default -o bashdefault 2>/dev/null; then
        return 0
    fi
    lines=$(compgen -f -- "$typed") || return 0
    while IFS= read -r path; do
        if [[ -d $path ]]; then
            path=$path/
            compopt -o nospace 2>/dev/null
        fi
        printf -v path %q "$path"
        found[${#found[@]}]=$lead$path
        told[${#told[@]}]=""
    done <<<"$lines"
}

# Behind exec ... -- another command stands: it is completed as if it stood alone.
__credman_delegate() {
    local offset=0 name function="" word rest=$COMP_LINE before=${COMP_LINE:0:COMP_POINT}
    while [[ ${COMP_WORDS[offset]} != -- ]]; do
        offset=$((offset + 1))
    done
    offset=$((offset + 1))
    for word in _comp_command_offset _command_offset; do # of the package bash-completion
        if declare -F "$word" >/dev/null; then
            "$word" "$offset"
            return 0
        fi
    done
    for word in "${COMP_WORDS[@]:0:offset}"; do
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
    done
    rest=${rest#"${rest%%[![:space:]]*}"}
    local -a later
    later=("${COMP_WORDS[@]:offset}")
    local -a COMP_WORDS
    COMP_WORDS=("${later[@]}")
    local COMP_POINT=$((${#before} - ${#COMP_LINE} + ${#rest})) COMP_LINE=$rest
    local COMP_CWORD=$((COMP_CWORD - offset))
    name=${COMP_WORDS[0]##*/}
    if [[ $COMP_CWORD == 0 ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do
            [[ -n $word ]] && COMPREPLY[${#COMPREPLY[@]}]=$word
        done <<<"$(compgen -c -- "$current")"
        return 0
    fi
    rest=$(complete -p -- "$name" 2>/dev/null)
    case $rest in *" -F "*)
        function=${rest#*" -F "}
        function=${function%% *}
        "$function" "$name" "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
        return 0
        ;;
    esac
    typed=$current
    __credman_offer_files
}

complete -F _credman credman

# fish completion for credman. Written by scripts/completions.py: change that, not this.
#
# Commands, options and providers stand in here, so that no process is started for them. Names come
# from `credman __complete`, which opens nothing and asks nobody; nothing that it prints is ever
# evaluated.

function __credman_resolve
    switch "$argv[1]"
        case 'ls'
            printf '%s\n' \
            'list'
        case 'rm'
            printf '%s\n' \
            'remove'
        case 'run'
            printf '%s\n' \
            'exec'
        case '*'
            printf '%s\n' "$argv[1]"
    end
end

function __credman_entries
    switch "$argv[1]"
        case ''
            printf '%s\n' \
            '-h|Show the commands' \
            '--help|Show the commands' \
            '-V|Show the version' \
            '--version|Show the version'
        case 'commands'
            printf '%s\n' \
            'init|Make the store, and a recovery key for it' \
            'add|Store a token' \
            'get|Print one value' \
            'show|Show what is known of a token, its values masked' \
            'list|List the tokens of an environment' \
            'remove|Remove a token' \
            'rename|Give a token another name' \
            'copy|Copy a token into another environment' \
            'check|Ask providers whether tokens are live' \
            'rotate|Replace a token by a new one' \
            'revoke|End an old version of a token at its provider' \
            'history|Show the versions of a token' \
            'rollback|Make a former version the current one again' \
            'schedule|Say how often a token is to be rotated' \
            'due|Show what is to be rotated, expires or waits, and by when' \
            'scan|Find leaked tokens' \
            'clean|Take leaked tokens out of files, notebooks and histories' \
            'env|Print text for eval that sets an environment\'s variables' \
            'exec|Run a command with an environment\'s variables' \
            'export|Write an environment\'s values in clear' \
            'passwd|Change the passphrase' \
            'backup|Write a backup to a new file, and read it back' \
            'restore|Make a copy of the vault the one that counts' \
            'doctor|Look at the installation, the store and what lies beside it' \
            'providers|List the services whose tokens credman knows' \
            'unlock|Open the store, and keep it open for a while' \
            'lock|Close what is open' \
            'status|Tell what is open, and for how long' \
            'use|Choose the environment and profile used by default' \
            'completions|Print the completion script of a shell' \
            'hook|install, uninstall, status' \
            'recovery|new, verify' \
            'remind|install, uninstall, status, run' \
            'slot|list, add, remove' \
            'store|move' \
            'ls|List the tokens of an environment' \
            'rm|Remove a token' \
            'run|Run a command with an environment\'s variables' \
            'help|Show what a command does'
        case 'group hook'
            printf '%s\n' \
            'install|Stop tokens from being committed or pushed from here' \
            'uninstall|Take the git hooks away, and put back what was there' \
            'status|Tell which git hooks are installed, and whether they work'
        case 'group recovery'
            printf '%s\n' \
            'new|Make a new recovery key' \
            'verify|Try whether a recovery key opens the vault'
        case 'group remind'
            printf '%s\n' \
            'install|Install a timer that tells once a day what is due' \
            'uninstall|Take the timer away, from every scheduler that has one' \
            'status|Tell whether a timer is installed, and when it runs next' \
            'run|Tell what is due, each stage once'
        case 'group slot'
            printf '%s\n' \
            'list|List what opens the vault' \
            'add|Add another way to open the vault' \
            'remove|Take a way to open the vault away'
        case 'group store'
            printf '%s\n' \
            'move|Move all tokens to another store'
        case 'providers'
            printf '%s\n' \
            '11labs|ElevenLabs' \
            'aistudio|Google AI Studio (Gemini API)' \
            'anthropic|Anthropic (Claude API)' \
            'aoai|Azure OpenAI / Azure AI Foundry' \
            'argilla|Argilla' \
            'atlassian|Bitbucket Cloud (Atlassian API token)' \
            'aws|AWS' \
            'aws-iam|AWS' \
            'azure|Azure (service principal)' \
            'azure-openai|Azure OpenAI / Azure AI Foundry' \
            'bitbucket|Bitbucket Cloud (Atlassian API token)' \
            'cerebras|Cerebras Inference' \
            'cf|Cloudflare' \
            'chatgpt-api|OpenAI' \
            'claude|Anthropic (Claude API)' \
            'cloudflare|Cloudflare' \
            'cohere|Cohere' \
            'comet|Comet ML / Opik' \
            'comet-ml|Comet ML / Opik' \
            'databricks|Databricks (also the MLflow tracking backend)' \
            'dbx|Databricks (also the MLflow tracking backend)' \
            'deepl|DeepL API' \
            'deepseek|DeepSeek' \
            'digitalocean|DigitalOcean' \
            'discord|Discord bot' \
            'do|DigitalOcean' \
            'docker|Docker Hub' \
            'docker-hub|Docker Hub' \
            'dockerhub|Docker Hub' \
            'elevenlabs|ElevenLabs' \
            'entra|Azure (service principal)' \
            'fireworks|Fireworks AI' \
            'fireworksai|Fireworks AI' \
            'gcp|Google Cloud (service account)' \
            'gcp-service-account|Google Cloud (service account)' \
            'gemini|Google AI Studio (Gemini API)' \
            'gh|GitHub' \
            'github|GitHub' \
            'gitlab|GitLab' \
            'glab|GitLab' \
            'google-ai-studio|Google AI Studio (Gemini API)' \
            'google-cloud|Google Cloud (service account)' \
            'google-gemini|Google AI Studio (Gemini API)' \
            'gpt|OpenAI' \
            'grok|xAI (Grok)' \
            'groq|Groq' \
            'hf|Hugging Face' \
            'hub|Hugging Face' \
            'huggingface|Hugging Face' \
            'jina|Jina AI' \
            'jinaai|Jina AI' \
            'kaggle|Kaggle' \
            'label-studio|Label Studio (HumanSignal)' \
            'labelstudio|Label Studio (HumanSignal)' \
            'lambda|Lambda Cloud' \
            'lambda-cloud|Lambda Cloud' \
            'lambda-labs|Lambda Cloud' \
            'lambdalabs|Lambda Cloud' \
            'langchain|LangSmith (LangChain)' \
            'langfuse|Langfuse' \
            'langsmith|LangSmith (LangChain)' \
            'lightning|Lightning AI' \
            'lightning-ai|Lightning AI' \
            'milvus|Zilliz Cloud (Milvus)' \
            'mistral|Mistral AI' \
            'mistralai|Mistral AI' \
            'mlflow|MLflow tracking server' \
            'mlflow-tracking|MLflow tracking server' \
            'modal|Modal' \
            'neptune|neptune.ai' \
            'ngc|NVIDIA NGC / NIM (build.nvidia.com)' \
            'nim|NVIDIA NGC / NIM (build.nvidia.com)' \
            'npm|npm' \
            'npmjs|npm' \
            'nvidia|NVIDIA NGC / NIM (build.nvidia.com)' \
            'nvidia-ngc|NVIDIA NGC / NIM (build.nvidia.com)' \
            'ollama|Ollama Cloud' \
            'ollama-cloud|Ollama Cloud' \
            'openai|OpenAI' \
            'openrouter|OpenRouter' \
            'opik|Comet ML / Opik' \
            'perplexity|Perplexity' \
            'pinecone|Pinecone' \
            'postman|Postman' \
            'pplx|Perplexity' \
            'pypi|PyPI' \
            'qdrant|Qdrant / Qdrant Cloud' \
            'replicate|Replicate' \
            'roboflow|Roboflow' \
            'runpod|RunPod' \
            'sendgrid|SendGrid' \
            'sentry|Sentry' \
            'slack|Slack' \
            'slack-config|Slack configuration token' \
            'slack-manifest|Slack configuration token' \
            'snowflake|Snowflake' \
            'stability|Stability AI' \
            'stabilityai|Stability AI' \
            'stripe|Stripe' \
            'telegram|Telegram bot' \
            'testpypi|TestPyPI' \
            'tg|Telegram bot' \
            'together|Together AI' \
            'togetherai|Together AI' \
            'twilio|Twilio' \
            'vast|Vast.ai' \
            'vast-ai|Vast.ai' \
            'vastai|Vast.ai' \
            'voyage|Voyage AI (MongoDB)' \
            'voyageai|Voyage AI (MongoDB)' \
            'wandb|Weights & Biases' \
            'wcd|Weaviate / Weaviate Cloud' \
            'weaviate|Weaviate / Weaviate Cloud' \
            'weights-and-biases|Weights & Biases' \
            'xai|xAI (Grok)' \
            'zilliz|Zilliz Cloud (Milvus)'
    end
end

function __credman_positionals
    switch "$argv[1]"
        case 'add'
            printf '%s\n' \
            'provider'
        case 'get'
            printf '%s\n' \
            'token'
        case 'show'
            printf '%s\n' \
            'token'
        case 'remove'
            printf '%s\n' \
            'own'
        case 'rename'
            printf '%s\n' \
            'own' \
            'text'
        case 'copy'
            printf '%s\n' \
            'token'
        case 'check'
            printf '%s\n' \
            'token*'
        case 'rotate'
            printf '%s\n' \
            'own'
        case 'revoke'
            printf '%s\n' \
            'own'
        case 'history'
            printf '%s\n' \
            'token'
        case 'rollback'
            printf '%s\n' \
            'own'
        case 'schedule'
            printf '%s\n' \
            'own'
        case 'scan'
            printf '%s\n' \
            'file*'
        case 'clean'
            printf '%s\n' \
            'file*'
        case 'env'
            printf '%s\n' \
            'environment'
        case 'exec'
            printf '%s\n' \
            'environment'
        case 'export'
            printf '%s\n' \
            'environment'
        case 'slot add'
            printf '%s\n' \
            '=passphrase,keyring'
        case 'slot remove'
            printf '%s\n' \
            'text'
        case 'store move'
            printf '%s\n' \
            'store'
        case 'backup'
            printf '%s\n' \
            'file'
        case 'restore'
            printf '%s\n' \
            'file'
        case 'providers'
            printf '%s\n' \
            'provider'
        case 'completions'
            printf '%s\n' \
            '=bash,zsh,fish,powershell'
    end
end

function __credman_options
    switch "$argv[1]"
        case 'init'
            printf '%s\n' \
            '--no-keyring|||Open it with a passphrase only' \
            '--recovery-file||file|Write the recovery key to a new file' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'add'
            printf '%s\n' \
            '--provider||provider|Who issued it; see `providers`' \
            '--var|*|text|A variable that carries the value; repeatable' \
            '--field|*|text|A part with a value of its own; repeatable' \
            '--expires||text|Such as 2027-03-31' \
            '--rotate-every||text|Days or weeks' \
            '--command||text|Prints the value, again when it ends' \
            '--ttl||text|How long a printed value is good' \
            '--shell|||Run CMD by /bin/sh, not as a program' \
            '--isolated|||Its environment inherits nothing from default' \
            '--note||text|A remark' \
            '--replace|||Give an existing token a new version' \
            '--no-check|||Do not look whether the value looks right or works' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'get'
            printf '%s\n' \
            '--field||field|Which part, of several' \
            '--reveal|||Print it even to a terminal' \
            '--clip|||To the clipboard, cleared after 30 s if unchanged' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'show'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'list'
            printf '%s\n' \
            '--all|||Those of every environment and profile' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'remove'
            printf '%s\n' \
            '-y --yes|||Do not ask' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'rename'
            printf '%s\n' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'copy'
            printf '%s\n' \
            '--to-env||environment|Where the copy goes; made if it is new' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'check'
            printf '%s\n' \
            '--all|||Those of every environment and profile' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'rotate'
            printf '%s\n' \
            '--auto|||The token asks its provider for its successor' \
            '--manual|||You make the new one' \
            '--grace||text|How long the old one is to live' \
            '--resume|||Go on where it was broken off' \
            '--abort|||Give up one that was broken off' \
            '--no-check|||Do not look whether the value looks right or works' \
            '-y --yes|||Do not ask' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'revoke'
            printf '%s\n' \
            '--version||text|The number of the version' \
            '--compromised|||Somebody may know it: never hand it out again' \
            '-y --yes|||Do not ask' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'history'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'rollback'
            printf '%s\n' \
            '--to||text|To this version; else the last one' \
            '-y --yes|||Do not ask' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'schedule'
            printf '%s\n' \
            '--every||text|Rotate it this often: 90d, 12w, 3mo, 1y' \
            '--expires||text|When it ends by itself: 2027-03-31' \
            '--remind||text|How long before to remind of it' \
            '--grace||text|How long an old version is to live on' \
            '--off|||No rotation, and no date' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'due'
            printf '%s\n' \
            '--within||text|Leave out what is later than that' \
            '--policy|||Also tell what the configured policy forbids' \
            '--json|||Print JSON' \
            '--ics|||Print a calendar to subscribe to' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'remind install'
            printf '%s\n' \
            '--at||text|When, in local time; else 09:00' \
            '--scheduler||=systemd,launchd,cron,tasks|One of systemd, launchd, cron, tasks' \
            '--command||text|What is due goes to it as well, as JSON' \
            '--dry-run|||Show what would be written, and write nothing' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'remind uninstall'
            printf '%s\n' \
            '-h --help|||Show what it does'
        case 'remind status'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-h --help|||Show what it does'
        case 'remind run'
            printf '%s\n' \
            '--command||text|Also give them to it, as JSON on stdin' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'scan'
            printf '%s\n' \
            '--staged|||What the next commit would hold' \
            '--history|||All that this git repository has ever held' \
            '--upload||file|What upload_folder(DIR) would send' \
            '--stdin|||A pasted text, such as an error of the Hub' \
            '--respect-gitignore|||Leave out what git ignores' \
            '--format||=text,json,sarif|One of text, json, sarif' \
            '--baseline||file|Findings that were accepted before' \
            '--accept|||Accept all that is found, in the baseline' \
            '--no-store|||Do not open the store for its values' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'clean'
            printf '%s\n' \
            '--dry-run|||Show what would change, and change nothing' \
            '--yes|||Do not ask' \
            '--suggest|||Show what to write in code in place of each' \
            '--shell-history|||The histories of shells as well' \
            '--baseline||file|Findings that were accepted before' \
            '--no-store|||Do not open the store for its values' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'hook install'
            printf '%s\n' \
            '--pre-commit|||The hook for commits; else both' \
            '--pre-push|||The hook for pushes; else both' \
            '--dry-run|||Show what would be written, and write nothing' \
            '-y --yes|||Do not ask' \
            '-h --help|||Show what it does'
        case 'hook uninstall'
            printf '%s\n' \
            '--pre-commit|||The hook for commits; else both' \
            '--pre-push|||The hook for pushes; else both' \
            '-y --yes|||Do not ask' \
            '-h --help|||Show what it does'
        case 'hook status'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-h --help|||Show what it does'
        case 'env'
            printf '%s\n' \
            '--shell||=auto,posix,bash,zsh,sh,fish|Whose syntax; auto looks at who is calling' \
            '--only||list|Only these tokens or variables' \
            '--unset|||Take the variables out again' \
            '--reveal|||Print it even to a terminal' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'exec'
            printf '%s\n' \
            '--only||list|Only these tokens or variables' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'export'
            printf '%s\n' \
            '--format||=dotenv,json,yaml,toml,docker,github,k8s|One of dotenv, json, yaml, toml, docker, github, k8s' \
            '-o --output||file|Write to this new file, mode 0600' \
            '--only||list|Only these tokens or variables' \
            '--reveal|||Print it even to a terminal' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'passwd'
            printf '%s\n' \
            '--slot||text|Another slot than the one that opens it now' \
            '--new-passphrase-fd||text|Read the new passphrase from this descriptor' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'slot list'
            printf '%s\n' \
            '--json|||Print JSON' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'slot add'
            printf '%s\n' \
            '--label||text|What people call it' \
            '--new-passphrase-fd||text|Read the new passphrase from this descriptor' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'slot remove'
            printf '%s\n' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'recovery new'
            printf '%s\n' \
            '--recovery-file||file|Write the recovery key to a new file' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'recovery verify'
            printf '%s\n' \
            '--recovery-file||file|The file that holds it' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'store move'
            printf '%s\n' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'backup'
            printf '%s\n' \
            '--passphrase|||Ask for a passphrase that opens it as well' \
            '--new-passphrase-fd||text|Read the new passphrase from this descriptor' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'restore'
            printf '%s\n' \
            '--previous|||The copy before the last write' \
            '--merge|||Only take the tokens that are missing here' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'doctor'
            printf '%s\n' \
            '--accept|||Go on with this vault, though another was seen here last' \
            '--json|||Print JSON' \
            '-y --yes|||Do not ask' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'providers'
            printf '%s\n' \
            '--validate|||Check the files that this is read from' \
            '--json|||Print JSON' \
            '-h --help|||Show what it does'
        case 'unlock'
            printf '%s\n' \
            '--for||text|Minutes, hours or days, used or not' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'lock'
            printf '%s\n' \
            '-h --help|||Show what it does'
        case 'status'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-h --help|||Show what it does'
        case 'use'
            printf '%s\n' \
            '--json|||Print JSON' \
            '-e --env||environment|Environment; CREDMAN_ENV, else default' \
            '-p --profile||profile|Profile; CREDMAN_PROFILE, else default' \
            '--store||store|Where tokens rest; CREDMAN_STORE, else file:' \
            '--passphrase-fd||text|Read the passphrase from this file descriptor' \
            '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same' \
            '-h --help|||Show what it does'
        case 'completions'
            printf '%s\n' \
            '-h --help|||Show what it does'
    end
end
function __credman_complete
    set -l words (commandline -opc)
    set -l index (math (count $words) + 1)
    set -l typed (string trim --left --chars '"\'' -- (commandline -ct))
    # Left to itself fish would look for it in the descriptions as well.
    set -l typed_in '^[^\t]*'(string escape --style=regex -- "$typed")'.*'
    if test $index -gt 2; and test "$words[2]" = help
        if test $index -eq 3
            __credman_offer (__credman_entries commands)
        else if test $index -eq 4
            __credman_offer (__credman_entries "group $words[3]")
        end
        return
    else if test $index -eq 2
        if string match -q -- '-*' "$typed"
            __credman_offer (__credman_entries '')
        else
            __credman_offer (__credman_entries commands)
        end
        return
    end
    set -l command (__credman_resolve $words[2])
    set -l start 3
    set -l group (__credman_entries "group $command")
    if set -q group[1]
        if test $index -eq 3
            __credman_offer $group
            return
        end
        set command "$command $words[3]"
        set start 4
    end
    set -l options (__credman_options $command)
    set -q options[1]; or return
    __credman_scan
end

# Goes through the line for what is given on it, and offers what may stand at the cursor. Of the line
# fish tells what stands before the cursor only.
function __credman_scan --no-scope-shadowing
    set -l positionals (__credman_positionals $command)
    set -l environment
    set -l profile
    set -l store
    set -l token
    set -l given
    set -l pending
    set -l closed
    set -l seen 0
    set -l i $start
    while test $i -lt $index
        set -l word $words[$i]
        if test "$command" = exec; and test "$word" = --
            # Behind it another command stands: it is completed as if it stood alone.
            set -l rest
            set -q words[(math $i + 1)]; and set rest (string escape -- $words[(math $i + 1)..-1])
            complete -C (string join ' ' -- $rest (commandline -ct))
            return
        else if set -q pending[1]
            __credman_note $pending $word
            set pending
        else if not set -q closed[1]; and test "$word" = --
            set closed 1
        else if not set -q closed[1]; and string match -q -- '-?*' "$word"
            __credman_take $word
        else
            set -l kind (__credman_positional $seen $positionals)
            switch "$kind"
                case environment
                    set -q environment[1]; or set environment $word
                case token own
                    set -q token[1]; or set token $word
            end
            set seen (math $seen + 1)
        end
        set i (math $i + 1)
    end
    if set -q pending[1]
        set -l option (__credman_option $pending[1] $options)
        __credman_offer_values "$option[3]" '' "$typed"
    else if not set -q closed[1]; and string match -q -- '--*=*' "$typed"
        set -l parts (string split -m 1 = -- $typed)
        set -l option (__credman_option $parts[1] $options)
        if test -n "$option[3]"
            __credman_offer_values "$option[3]" "$parts[1]=" "$parts[2]"
        end
    else if not set -q closed[1]; and string match -q -- '-*' "$typed"
        __credman_offer_options
    else
        set -l kind (__credman_positional $seen $positionals)
        if test -n "$kind"
            __credman_offer_values $kind '' "$typed"
        else if test -z "$typed"; and not set -q closed[1]
            __credman_offer_options
        end
    end
end

# Args: an option's name, and all options. Prints names, repeats, kind and help, a line each.
function __credman_option
    for entry in $argv[2..-1]
        set -l parts (string split -m 3 '|' -- $entry)
        if contains -- $argv[1] (string split ' ' -- $parts[1])
            printf '%s\n' $parts
            return
        end
    end
end

function __credman_take --no-scope-shadowing
    set -l name $argv[1]
    set -l value
    if string match -q -- '--*=*' $name
        set value (string split -m 1 = -- $name)[2]
        set name (string split -m 1 = -- $name)[1]
    else if string match -qr -- '^-[^-].' $name
        set value (string sub -s 3 -- $name)
        set name (string sub -l 2 -- $name)
    end
    set -l option (__credman_option $name $options)
    set -q option[1]; or return
    set -a given $option[1]
    if test -n "$option[3]"
        if set -q value[1]
            __credman_note $option[1] $value
        else
            set pending (string split ' ' -- $option[1])[-1]
        end
    end
end

function __credman_note --no-scope-shadowing
    switch $argv[1]
        case '*--env'
            set environment $argv[2]
        case '*--profile'
            set profile $argv[2]
        case '*--store'
            set store $argv[2]
    end
end

# Args: how many stand before it, and the kinds of all. Prints the kind of the word there.
function __credman_positional
    set -l kinds $argv[2..-1]
    set -l place (math $argv[1] + 1)
    if test $place -le (count $kinds)
        string trim --right --chars '*' -- $kinds[$place]
    else if string match -q -- '*\*' "$kinds[-1]"
        string trim --right --chars '*' -- $kinds[-1]
    end
end

function __credman_offer_options --no-scope-shadowing
    for entry in $options
        set -l parts (string split -m 3 '|' -- $entry)
        if test -z "$parts[2]"; and contains -- $parts[1] $given
            continue
        end
        for word in (string split ' ' -- $parts[1])
            printf '%s\t%s\n' $word $parts[4]
        end
    end | string match -ri -- $typed_in
    if test "$command" = exec
        printf '%s\t%s\n' -- 'The command to run follows' | string match -ri -- $typed_in
    end
end

function __credman_offer --no-scope-shadowing
    string replace '|' \t -- $argv | string match -ri -- $typed_in
end

# Args: a kind of value, what stands before the value in its word, and what is typed of it.
function __credman_offer_values --no-scope-shadowing
    set -l lead $argv[2]
    set -l value $argv[3]
    switch $argv[1]
        case '=*'
            printf "$lead%s\n" (string split , -- (string sub -s 2 -- $argv[1])) | string match -ri -- $typed_in
        case provider
            set -l lines (string replace '|' \t -- (__credman_entries providers))
            printf "$lead%s\n" $lines | string match -ri -- $typed_in
        case environment
            __credman_ask $lead environments
        case profile
            __credman_ask $lead profiles
        case token
            __credman_ask $lead tokens
        case own
            __credman_ask $lead own
        case field
            set -q token[1]; and __credman_ask $lead fields $token
        case list
            # another name may follow
            set -l listed (string match -r '.*,' -- $value)
            __credman_ask "$lead$listed" tokens
        case file
            for line in (__fish_complete_path $value)
                printf '%s%s\n' $lead $line
            end
        case store
            if string match -q 'file:*' -- $value
                for line in (__fish_complete_path (string sub -s 6 -- $value))
                    printf '%sfile:%s\n' $lead $line
                end
            else
                begin
                    printf '%s%s\t%s\n' $lead file: 'A file, such as file:~/team.age'
                    printf '%s%s\t%s\n' $lead keyring: 'Each token an item of the keyring'
                end | string match -ri -- $typed_in
            end
    end
end

# Args: what stands before the name in its word, and what to ask for.
function __credman_ask --no-scope-shadowing
    set -l request $argv[2..-1]
    set -q environment[1]; and set -a request -e $environment
    set -q profile[1]; and set -a request -p $profile
    set -q store[1]; and set -a request --store $store
    set -l program credman
    set -l first (string replace -r '^~/' "$HOME/" -- $words[1])
    if string match -q '*/credman' -- $first; and test -x $first -a ! -d $first
        set program $first
    end
    command -q $program; or return # fish would say so in the middle of the line
    for line in (command $program __complete $request 2>/dev/null </dev/null)
        set -l parts (string split -m 1 \t -- $line)
        string match -qr '^[A-Za-z0-9_][A-Za-z0-9._-]*$' -- $parts[1]; or continue
        set -l word (string escape --style=regex -- $parts[1])
        string match -qr -- "(^|[=,])$word," $argv[1]; and continue
        printf '%s%s\t%s\n' $argv[1] $parts[1] "$parts[2]"
    end | string match -ri -- $typed_in
end

complete -c credman -e
complete -c credman -f -a '(__credman_complete)'

# PowerShell completion for credman. Written by scripts/completions.py: change that, not this.
#
# Commands, options and providers stand in here, so that no process is started for them. Names come
# from `credman __complete`, which opens nothing and asks nobody; nothing that it prints is ever
# evaluated.

Register-ArgumentCompleter -Native -CommandName 'credman', 'credman.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $general = @(
        '-h|Show the commands'
        '--help|Show the commands'
        '-V|Show the version'
        '--version|Show the version'
    )
    $commands = @(
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
        'env|Print text for eval that sets an environment''s variables'
        'exec|Run a command with an environment''s variables'
        'export|Write an environment''s values in clear'
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
        'run|Run a command with an environment''s variables'
        'help|Show what a command does'
    )
    $providers = @(
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
    $aliases = @{
        'ls' = 'list'
        'rm' = 'remove'
        'run' = 'exec'
    }
    $groups = @{
        'hook' = @(
            'install|Stop tokens from being committed or pushed from here'
            'uninstall|Take the git hooks away, and put back what was there'
            'status|Tell which git hooks are installed, and whether they work'
        )
        'recovery' = @(
            'new|Make a new recovery key'
            'verify|Try whether a recovery key opens the vault'
        )
        'remind' = @(
            'install|Install a timer that tells once a day what is due'
            'uninstall|Take the timer away, from every scheduler that has one'
            'status|Tell whether a timer is installed, and when it runs next'
            'run|Tell what is due, each stage once'
        )
        'slot' = @(
            'list|List what opens the vault'
            'add|Add another way to open the vault'
            'remove|Take a way to open the vault away'
        )
        'store' = @(
            'move|Move all tokens to another store'
        )
    }
    $syntax = @{
        'init' = @{
            Positionals = @()
            Options = @(
                '--no-keyring|||Open it with a passphrase only'
                '--recovery-file||file|Write the recovery key to a new file'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'add' = @{
            Positionals = @(
                'provider'
            )
            Options = @(
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
        }
        'get' = @{
            Positionals = @(
                'token'
            )
            Options = @(
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
        }
        'show' = @{
            Positionals = @(
                'token'
            )
            Options = @(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'list' = @{
            Positionals = @()
            Options = @(
                '--all|||Those of every environment and profile'
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'remove' = @{
            Positionals = @(
                'own'
            )
            Options = @(
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'rename' = @{
            Positionals = @(
                'own'
                'text'
            )
            Options = @(
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'copy' = @{
            Positionals = @(
                'token'
            )
            Options = @(
                '--to-env||environment|Where the copy goes; made if it is new'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'check' = @{
            Positionals = @(
                'token*'
            )
            Options = @(
                '--all|||Those of every environment and profile'
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'rotate' = @{
            Positionals = @(
                'own'
            )
            Options = @(
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
        }
        'revoke' = @{
            Positionals = @(
                'own'
            )
            Options = @(
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
        }
        'history' = @{
            Positionals = @(
                'token'
            )
            Options = @(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'rollback' = @{
            Positionals = @(
                'own'
            )
            Options = @(
                '--to||text|To this version; else the last one'
                '-y --yes|||Do not ask'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'schedule' = @{
            Positionals = @(
                'own'
            )
            Options = @(
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
        }
        'due' = @{
            Positionals = @()
            Options = @(
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
        }
        'remind install' = @{
            Positionals = @()
            Options = @(
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
        }
        'remind uninstall' = @{
            Positionals = @()
            Options = @(
                '-h --help|||Show what it does'
            )
        }
        'remind status' = @{
            Positionals = @()
            Options = @(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
        }
        'remind run' = @{
            Positionals = @()
            Options = @(
                '--command||text|Also give them to it, as JSON on stdin'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'scan' = @{
            Positionals = @(
                'file*'
            )
            Options = @(
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
        }
        'clean' = @{
            Positionals = @(
                'file*'
            )
            Options = @(
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
        }
        'hook install' = @{
            Positionals = @()
            Options = @(
                '--pre-commit|||The hook for commits; else both'
                '--pre-push|||The hook for pushes; else both'
                '--dry-run|||Show what would be written, and write nothing'
                '-y --yes|||Do not ask'
                '-h --help|||Show what it does'
            )
        }
        'hook uninstall' = @{
            Positionals = @()
            Options = @(
                '--pre-commit|||The hook for commits; else both'
                '--pre-push|||The hook for pushes; else both'
                '-y --yes|||Do not ask'
                '-h --help|||Show what it does'
            )
        }
        'hook status' = @{
            Positionals = @()
            Options = @(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
        }
        'env' = @{
            Positionals = @(
                'environment'
            )
            Options = @(
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
        }
        'exec' = @{
            Positionals = @(
                'environment'
            )
            Options = @(
                '--only||list|Only these tokens or variables'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'export' = @{
            Positionals = @(
                'environment'
            )
            Options = @(
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
        }
        'passwd' = @{
            Positionals = @()
            Options = @(
                '--slot||text|Another slot than the one that opens it now'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'slot list' = @{
            Positionals = @()
            Options = @(
                '--json|||Print JSON'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'slot add' = @{
            Positionals = @(
                '=passphrase,keyring'
            )
            Options = @(
                '--label||text|What people call it'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'slot remove' = @{
            Positionals = @(
                'text'
            )
            Options = @(
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'recovery new' = @{
            Positionals = @()
            Options = @(
                '--recovery-file||file|Write the recovery key to a new file'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'recovery verify' = @{
            Positionals = @()
            Options = @(
                '--recovery-file||file|The file that holds it'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'store move' = @{
            Positionals = @(
                'store'
            )
            Options = @(
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'backup' = @{
            Positionals = @(
                'file'
            )
            Options = @(
                '--passphrase|||Ask for a passphrase that opens it as well'
                '--new-passphrase-fd||text|Read the new passphrase from this descriptor'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'restore' = @{
            Positionals = @(
                'file'
            )
            Options = @(
                '--previous|||The copy before the last write'
                '--merge|||Only take the tokens that are missing here'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'doctor' = @{
            Positionals = @()
            Options = @(
                '--accept|||Go on with this vault, though another was seen here last'
                '--json|||Print JSON'
                '-y --yes|||Do not ask'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'providers' = @{
            Positionals = @(
                'provider'
            )
            Options = @(
                '--validate|||Check the files that this is read from'
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
        }
        'unlock' = @{
            Positionals = @()
            Options = @(
                '--for||text|Minutes, hours or days, used or not'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'lock' = @{
            Positionals = @()
            Options = @(
                '-h --help|||Show what it does'
            )
        }
        'status' = @{
            Positionals = @()
            Options = @(
                '--json|||Print JSON'
                '-h --help|||Show what it does'
            )
        }
        'use' = @{
            Positionals = @()
            Options = @(
                '--json|||Print JSON'
                '-e --env||environment|Environment; CREDMAN_ENV, else default'
                '-p --profile||profile|Profile; CREDMAN_PROFILE, else default'
                '--store||store|Where tokens rest; CREDMAN_STORE, else file:'
                '--passphrase-fd||text|Read the passphrase from this file descriptor'
                '--no-input|||Never ask; CREDMAN_NO_INPUT=1 says the same'
                '-h --help|||Show what it does'
            )
        }
        'completions' = @{
            Positionals = @(
                '=bash,zsh,fish,powershell'
            )
            Options = @(
                '-h --help|||Show what it does'
            )
        }
    }
    # What is known of the line; functions below read and fill it.
    $line = @{
        Typed = ''; Lead = ''; Environment = ''; Profile = ''; Store = ''; Token = ''
        Given = @(); Pending = ''; Closed = $false; Seen = 0
    }

    function Split-Words([string] $Text) {
        [regex]::Matches($Text, '(?:"[^"]*"?|''[^'']*''?|[^\s"''])+') |
            ForEach-Object { $_.Value -replace '["'']', '' }
    }

    function New-Result([string] $Word, [string] $Help) {
        if ($Word.StartsWith($line.Typed, [StringComparison]::OrdinalIgnoreCase)) {
            $full = $line.Lead + $Word
            $told = if ($Help) { $Help } else { $Word }
            [System.Management.Automation.CompletionResult]::new($full, $Word, 'ParameterValue', $told)
        }
    }

    function Get-Entries($Entries) {
        foreach ($entry in $Entries) {
            $word, $help = $entry -split '\|', 2
            New-Result $word $help
        }
    }

    function Find-Option([string] $Name, $Options) {
        foreach ($entry in $Options) {
            $parts = $entry -split '\|', 4
            if (($parts[0] -split ' ') -ccontains $Name) {
                return @{ Names = $parts[0]; Kind = $parts[2] }
            }
        }
    }

    function Set-Choice([string] $Names, [string] $Value) {
        switch -CaseSensitive (($Names -split ' ')[-1]) {
            '--env' { $line.Environment = $Value }
            '--profile' { $line.Profile = $Value }
            '--store' { $line.Store = $Value }
        }
    }

    function Get-Positional($Positionals, [int] $Place) {
        if ($Place -lt $Positionals.Count) { return $Positionals[$Place].TrimEnd('*') }
        if ($Positionals.Count -and $Positionals[-1].EndsWith('*')) {
            return $Positionals[-1].TrimEnd('*')
        }
        return ''
    }

    function Get-Options([string] $Command, $Options) {
        foreach ($entry in $Options) {
            $names, $repeats, $kind, $help = $entry -split '\|', 4
            if ($repeats -or $line.Given -cnotcontains $names) {
                foreach ($name in $names -split ' ') { New-Result $name $help }
            }
        }
        if ($Command -ceq 'exec') { New-Result '--' 'The command to run follows' }
    }

    function Get-Names([string[]] $Request, [string[]] $Listed) {
        $program = 'credman'
        if ((Split-Path -Leaf $words[0]) -in 'credman', 'credman.exe' -and (Test-Path -PathType Leaf $words[0])) {
            $program = $words[0]
        }
        if ($line.Environment) { $Request += '-e', $line.Environment }
        if ($line.Profile) { $Request += '-p', $line.Profile }
        if ($line.Store) { $Request += '--store', $line.Store }
        $found = try { $null | & $program __complete @Request 2>$null } catch { @() }
        foreach ($entry in $found) {
            $word, $help = "$entry" -split "`t", 2
            if ($word -match '^[A-Za-z0-9_][A-Za-z0-9._-]*$' -and $Listed -notcontains $word) {
                New-Result $word $help
            }
        }
    }

    function Get-Files() {
        foreach ($found in [System.Management.Automation.CompletionCompleters]::CompleteFilename($line.Typed)) {
            $text = $line.Lead + $found.CompletionText
            [System.Management.Automation.CompletionResult]::new(
                $text, $found.ListItemText, $found.ResultType, $found.ToolTip)
        }
    }

    function Get-Values([string] $Kind) {
        if ($Kind.StartsWith('=')) {
            foreach ($word in $Kind.Substring(1) -split ',') { New-Result $word '' }
            return
        }
        switch -CaseSensitive ($Kind) {
            'provider' { Get-Entries $providers }
            'environment' { Get-Names @('environments') @() }
            'profile' { Get-Names @('profiles') @() }
            'token' { Get-Names @('tokens') @() }
            'own' { Get-Names @('own') @() }
            'field' { if ($line.Token) { Get-Names @('fields', $line.Token) @() } }
            'list' {
                $cut = $line.Typed.LastIndexOf(',') + 1
                $listed = $line.Typed.Substring(0, $cut)
                $line.Lead += $listed
                $line.Typed = $line.Typed.Substring($cut)
                Get-Names @('tokens') ($listed -split ',')
            }
            'file' { Get-Files }
            'store' {
                if ($line.Typed.StartsWith('file:')) {
                    $line.Lead += 'file:'
                    $line.Typed = $line.Typed.Substring(5)
                    Get-Files
                } else {
                    New-Result 'file:' 'A file, such as file:~/team.age'
                    New-Result 'keyring:' 'Each token an item of the keyring'
                }
            }
        }
    }

    $text = $commandAst.Extent.Text
    $length = [Math]::Min($cursorPosition - $commandAst.Extent.StartOffset, $text.Length)
    $before = $text.Substring(0, $length)
    $after = $text.Substring($length)
    $words = @(Split-Words $before)
    $isInWord = $before -match '\S$' -and $cursorPosition -le $commandAst.Extent.EndOffset
    if ($isInWord) {
        $line.Typed = $words[-1]
        $words = @($words | Select-Object -SkipLast 1)
        $after = $after -replace '^\S+', ''
    }
    $all = @($words) + $line.Typed + @(Split-Words $after)
    $index = $words.Count
    if ($index -eq 0) { return }

    if ($index -gt 1 -and $all[1] -ceq 'help') {
        if ($index -eq 2) { Get-Entries $commands }
        elseif ($index -eq 3) { Get-Entries $groups[$all[2]] }
        return
    }
    if ($index -eq 1) {
        if ($line.Typed.StartsWith('-')) { Get-Entries $general } else { Get-Entries $commands }
        return
    }
    $command = if ($aliases.ContainsKey($all[1])) { $aliases[$all[1]] } else { $all[1] }
    $start = 2
    if ($groups.ContainsKey($command)) {
        if ($index -eq 2) {
            Get-Entries $groups[$command]
            return
        }
        $command = "$command $($all[2])"
        $start = 3
    }
    if (-not $syntax.ContainsKey($command)) { return }
    $positionals = $syntax[$command].Positionals
    $options = $syntax[$command].Options

    for ($i = $start; $i -lt $all.Count; $i++) {
        $word = $all[$i]
        if ($command -ceq 'exec' -and $word -ceq '--' -and $i -ne $index) {
            if ($i -gt $index) { break }
            # Behind it another command stands: it is completed as if it stood alone.
            $rest = $before.Substring([regex]::Match($before, '\s--\s').Index + 3).TrimStart()
            if (-not $isInWord -and $rest) { $rest += ' ' }
            [System.Management.Automation.CommandCompletion]::CompleteInput(
                $rest, $rest.Length, $null).CompletionMatches
            return
        } elseif ($i -eq $index) {
            $at = @{ Pending = $line.Pending; Closed = $line.Closed; Seen = $line.Seen }
            if ($line.Pending) { $line.Pending = '' }
            elseif ($line.Closed -or -not $word.StartsWith('-')) { $line.Seen++ }
        } elseif ($line.Pending) {
            Set-Choice $line.Pending $word
            $line.Pending = ''
        } elseif (-not $line.Closed -and $word -ceq '--') {
            $line.Closed = $true
        } elseif (-not $line.Closed -and $word -match '^-.') {
            $name, $value = $word, $null
            if ($word -match '^(--[^=]*)=(.*)$') { $name, $value = $Matches[1], $Matches[2] }
            elseif ($word -match '^(-[^-])(.+)$') { $name, $value = $Matches[1], $Matches[2] }
            $option = Find-Option $name $options
            if ($option) {
                $line.Given += $option.Names
                if ($option.Kind -and $null -ne $value) { Set-Choice $option.Names $value }
                elseif ($option.Kind) { $line.Pending = $option.Names }
            }
        } else {
            $kind = Get-Positional $positionals $line.Seen
            if ($kind -ceq 'environment' -and -not $line.Environment) { $line.Environment = $word }
            if ($kind -cin 'token', 'own' -and -not $line.Token) { $line.Token = $word }
            $line.Seen++
        }
    }

    if ($at.Pending) {
        Get-Values (Find-Option ($at.Pending -split ' ')[0] $options).Kind
    } elseif (-not $at.Closed -and $line.Typed -match '^(--[^=]*=)(.*)$') {
        $line.Lead, $line.Typed = $Matches[1], $Matches[2]
        $option = Find-Option $line.Lead.TrimEnd('=') $options
        if ($option.Kind) { Get-Values $option.Kind }
    } elseif (-not $at.Closed -and $line.Typed.StartsWith('-')) {
        Get-Options $command $options
    } else {
        $kind = Get-Positional $positionals $at.Seen
        if ($kind) { Get-Values $kind }
        elseif (-not $line.Typed -and -not $at.Closed) { Get-Options $command $options }
    }
}

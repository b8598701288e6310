
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'fetchonce' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'fetchonce'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'fetchonce' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most messages to fetch from each account')
            [CompletionResult]::new('--limit-bytes', '--limit-bytes', [CompletionResultType]::ParameterName, 'Begin no further message of an account once so much is fetched, such as `100 MB`')
            [CompletionResult]::new('--limit-time', '--limit-time', [CompletionResultType]::ParameterName, 'Begin no further message of an account after so long, such as `5m`')
            [CompletionResult]::new('--relogin', '--relogin', [CompletionResultType]::ParameterName, 'End the session after so many messages, and go on in another one: deletions take effect earlier')
            [CompletionResult]::new('--order', '--order', [CompletionResultType]::ParameterName, 'What to fetch first')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave larger messages on the server, such as `25 MB`')
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]')
            [CompletionResult]::new('--keep-newest', '--keep-newest', [CompletionResultType]::ParameterName, 'So many of the delivered messages, the newest, stay on the server')
            [CompletionResult]::new('--keep-bytes', '--keep-bytes', [CompletionResultType]::ParameterName, 'The newest of the delivered messages stay on the server, as many as are together no larger')
            [CompletionResult]::new('--delete-larger-than', '--delete-larger-than', [CompletionResultType]::ParameterName, 'A larger message is deleted on the server once it is delivered')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Certificates to trust besides the system''s (PEM)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'How the connection is protected, instead of what the scheme of the URL says')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done with each message, and change nothing, here or on the server')
            [CompletionResult]::new('--until-drained', '--until-drained', [CompletionResultType]::ParameterName, 'Open one session after another until nothing new is listed')
            [CompletionResult]::new('--confirm', '--confirm', [CompletionResultType]::ParameterName, 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`')
            [CompletionResult]::new('--as-new', '--as-new', [CompletionResultType]::ParameterName, 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell only what went wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell only what went wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each step')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line for each step and each problem')
            [CompletionResult]::new('--allow-cleartext', '--allow-cleartext', [CompletionResultType]::ParameterName, 'Send the password without TLS, to any host: everyone on the way can read it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('fetch', 'fetch', [CompletionResultType]::ParameterValue, 'Fetch all or some accounts (also what `fetchonce` alone does)')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what is on the server, and what the next run would do with each message, and why')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Look at everything that a fetch needs, here and on the server, and say what to do where it is not in order')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the last runs of each account, what waits, and what will be deleted when; asks no server')
            [CompletionResult]::new('account', 'account', [CompletionResultType]::ParameterValue, 'Rename an account, or accept its Maildir as it is now')
            [CompletionResult]::new('seen', 'seen', [CompletionResultType]::ParameterValue, 'Skip a message for good, or repair what a failing disk left in doubt')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'See it work: a POP3 server with sample mail, lost connections, and a count of what arrived')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, to be read with `man -l -` or kept among the others')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script for a shell')
            break
        }
        'fetchonce;fetch' {
            [CompletionResult]::new('--jobs', '--jobs', [CompletionResultType]::ParameterName, 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most messages to fetch from each account')
            [CompletionResult]::new('--limit-bytes', '--limit-bytes', [CompletionResultType]::ParameterName, 'Begin no further message of an account once so much is fetched, such as `100 MB`')
            [CompletionResult]::new('--limit-time', '--limit-time', [CompletionResultType]::ParameterName, 'Begin no further message of an account after so long, such as `5m`')
            [CompletionResult]::new('--relogin', '--relogin', [CompletionResultType]::ParameterName, 'End the session after so many messages, and go on in another one: deletions take effect earlier')
            [CompletionResult]::new('--order', '--order', [CompletionResultType]::ParameterName, 'What to fetch first')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Leave larger messages on the server, such as `25 MB`')
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]')
            [CompletionResult]::new('--keep-newest', '--keep-newest', [CompletionResultType]::ParameterName, 'So many of the delivered messages, the newest, stay on the server')
            [CompletionResult]::new('--keep-bytes', '--keep-bytes', [CompletionResultType]::ParameterName, 'The newest of the delivered messages stay on the server, as many as are together no larger')
            [CompletionResult]::new('--delete-larger-than', '--delete-larger-than', [CompletionResultType]::ParameterName, 'A larger message is deleted on the server once it is delivered')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Certificates to trust besides the system''s (PEM)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'How the connection is protected, instead of what the scheme of the URL says')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done with each message, and change nothing, here or on the server')
            [CompletionResult]::new('--until-drained', '--until-drained', [CompletionResultType]::ParameterName, 'Open one session after another until nothing new is listed')
            [CompletionResult]::new('--confirm', '--confirm', [CompletionResultType]::ParameterName, 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`')
            [CompletionResult]::new('--as-new', '--as-new', [CompletionResultType]::ParameterName, 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Tell only what went wrong')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Tell only what went wrong')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each step')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each step')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line for each step and each problem')
            [CompletionResult]::new('--allow-cleartext', '--allow-cleartext', [CompletionResultType]::ParameterName, 'Send the password without TLS, to any host: everyone on the way can read it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;list' {
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]')
            [CompletionResult]::new('--keep-newest', '--keep-newest', [CompletionResultType]::ParameterName, 'So many of the delivered messages, the newest, stay on the server')
            [CompletionResult]::new('--keep-bytes', '--keep-bytes', [CompletionResultType]::ParameterName, 'The newest of the delivered messages stay on the server, as many as are together no larger')
            [CompletionResult]::new('--delete-larger-than', '--delete-larger-than', [CompletionResultType]::ParameterName, 'A larger message is deleted on the server once it is delivered')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Certificates to trust besides the system''s (PEM)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'How the connection is protected, instead of what the scheme of the URL says')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line')
            [CompletionResult]::new('--allow-cleartext', '--allow-cleartext', [CompletionResultType]::ParameterName, 'Send the password without TLS, to any host: everyone on the way can read it')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show of each new message the header fields that matter, the route that takes it, and where it goes')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;check' {
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]')
            [CompletionResult]::new('--keep-newest', '--keep-newest', [CompletionResultType]::ParameterName, 'So many of the delivered messages, the newest, stay on the server')
            [CompletionResult]::new('--keep-bytes', '--keep-bytes', [CompletionResultType]::ParameterName, 'The newest of the delivered messages stay on the server, as many as are together no larger')
            [CompletionResult]::new('--delete-larger-than', '--delete-larger-than', [CompletionResultType]::ParameterName, 'A larger message is deleted on the server once it is delivered')
            [CompletionResult]::new('--password-command', '--password-command', [CompletionResultType]::ParameterName, 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Certificates to trust besides the system''s (PEM)')
            [CompletionResult]::new('--tls', '--tls', [CompletionResultType]::ParameterName, 'How the connection is protected, instead of what the scheme of the URL says')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line')
            [CompletionResult]::new('--allow-cleartext', '--allow-cleartext', [CompletionResultType]::ParameterName, 'Send the password without TLS, to any host: everyone on the way can read it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;status' {
            [CompletionResult]::new('--runs', '--runs', [CompletionResultType]::ParameterName, 'How many runs to show, the newest first')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object a line')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;account' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('rename', 'rename', [CompletionResultType]::ParameterValue, 'Give an account another name; it keeps all that it knows, so nothing is fetched again')
            [CompletionResult]::new('accept-target', 'accept-target', [CompletionResultType]::ParameterValue, 'Accept the configured Maildir as it is now, after a restore or a wanted deletion')
            break
        }
        'fetchonce;account;rename' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;account;accept-target' {
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'The Maildir, where the account has several or no configuration knows it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--fetch-interrupted-again', '--fetch-interrupted-again', [CompletionResultType]::ParameterName, 'Fetch again what was interrupted on its way into a Maildir that is gone for good: it may come a second time')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;seen' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('skip', 'skip', [CompletionResultType]::ParameterValue, 'Never fetch the undelivered message with this unique-id')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the messages whose files a failed disk operation left in doubt, and make them whole')
            [CompletionResult]::new('settle', 'settle', [CompletionResultType]::ParameterValue, 'Say what became of the messages of which only their target knows whether it has them')
            break
        }
        'fetchonce;seen;skip' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;seen;verify' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--repair', '--repair', [CompletionResultType]::ParameterName, 'Rewrite what is whole, and have the rest fetched again')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;seen;settle' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('--delivered', '--delivered', [CompletionResultType]::ParameterName, 'Their target has them')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Deliver them again')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;demo' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;man' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'fetchonce;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'The configuration file, instead of ~/.config/fetchonce/config.toml')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Log what happens, from this level on [default: no log]')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'Where the log goes [default: stderr]; alone it means level info')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Append what is said on each connection to a file of yours, without passwords and mail')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}

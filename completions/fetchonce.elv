
use builtin;
use str;

set edit:completion:arg-completer[fetchonce] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'fetchonce'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'fetchonce'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --jobs 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]'
            cand --limit 'Most messages to fetch from each account'
            cand --limit-bytes 'Begin no further message of an account once so much is fetched, such as `100 MB`'
            cand --limit-time 'Begin no further message of an account after so long, such as `5m`'
            cand --relogin 'End the session after so many messages, and go on in another one: deletions take effect earlier'
            cand --order 'What to fetch first'
            cand --max-size 'Leave larger messages on the server, such as `25 MB`'
            cand --into 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several'
            cand --keep 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]'
            cand --keep-newest 'So many of the delivered messages, the newest, stay on the server'
            cand --keep-bytes 'The newest of the delivered messages stay on the server, as many as are together no larger'
            cand --delete-larger-than 'A larger message is deleted on the server once it is delivered'
            cand --password-command 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked'
            cand --ca-file 'Certificates to trust besides the system''s (PEM)'
            cand --tls 'How the connection is protected, instead of what the scheme of the URL says'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --dry-run 'Show what would be done with each message, and change nothing, here or on the server'
            cand --until-drained 'Open one session after another until nothing new is listed'
            cand --confirm 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`'
            cand --as-new 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time'
            cand -q 'Tell only what went wrong'
            cand --quiet 'Tell only what went wrong'
            cand -v 'Tell each step'
            cand --verbose 'Tell each step'
            cand --json 'Print one JSON object a line for each step and each problem'
            cand --allow-cleartext 'Send the password without TLS, to any host: everyone on the way can read it'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand fetch 'Fetch all or some accounts (also what `fetchonce` alone does)'
            cand list 'Show what is on the server, and what the next run would do with each message, and why'
            cand check 'Look at everything that a fetch needs, here and on the server, and say what to do where it is not in order'
            cand status 'Show the last runs of each account, what waits, and what will be deleted when; asks no server'
            cand account 'Rename an account, or accept its Maildir as it is now'
            cand seen 'Skip a message for good, or repair what a failing disk left in doubt'
            cand demo 'See it work: a POP3 server with sample mail, lost connections, and a count of what arrived'
            cand man 'Print a manual page, to be read with `man -l -` or kept among the others'
            cand completions 'Print the completion script for a shell'
        }
        &'fetchonce;fetch'= {
            cand --jobs 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]'
            cand --limit 'Most messages to fetch from each account'
            cand --limit-bytes 'Begin no further message of an account once so much is fetched, such as `100 MB`'
            cand --limit-time 'Begin no further message of an account after so long, such as `5m`'
            cand --relogin 'End the session after so many messages, and go on in another one: deletions take effect earlier'
            cand --order 'What to fetch first'
            cand --max-size 'Leave larger messages on the server, such as `25 MB`'
            cand --into 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several'
            cand --keep 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]'
            cand --keep-newest 'So many of the delivered messages, the newest, stay on the server'
            cand --keep-bytes 'The newest of the delivered messages stay on the server, as many as are together no larger'
            cand --delete-larger-than 'A larger message is deleted on the server once it is delivered'
            cand --password-command 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked'
            cand --ca-file 'Certificates to trust besides the system''s (PEM)'
            cand --tls 'How the connection is protected, instead of what the scheme of the URL says'
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --dry-run 'Show what would be done with each message, and change nothing, here or on the server'
            cand --until-drained 'Open one session after another until nothing new is listed'
            cand --confirm 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`'
            cand --as-new 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time'
            cand -q 'Tell only what went wrong'
            cand --quiet 'Tell only what went wrong'
            cand -v 'Tell each step'
            cand --verbose 'Tell each step'
            cand --json 'Print one JSON object a line for each step and each problem'
            cand --allow-cleartext 'Send the password without TLS, to any host: everyone on the way can read it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;list'= {
            cand --into 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several'
            cand --keep 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]'
            cand --keep-newest 'So many of the delivered messages, the newest, stay on the server'
            cand --keep-bytes 'The newest of the delivered messages stay on the server, as many as are together no larger'
            cand --delete-larger-than 'A larger message is deleted on the server once it is delivered'
            cand --password-command 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked'
            cand --ca-file 'Certificates to trust besides the system''s (PEM)'
            cand --tls 'How the connection is protected, instead of what the scheme of the URL says'
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --json 'Print one JSON object a line'
            cand --allow-cleartext 'Send the password without TLS, to any host: everyone on the way can read it'
            cand --explain 'Show of each new message the header fields that matter, the route that takes it, and where it goes'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;check'= {
            cand --into 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several'
            cand --keep 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]'
            cand --keep-newest 'So many of the delivered messages, the newest, stay on the server'
            cand --keep-bytes 'The newest of the delivered messages stay on the server, as many as are together no larger'
            cand --delete-larger-than 'A larger message is deleted on the server once it is delivered'
            cand --password-command 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked'
            cand --ca-file 'Certificates to trust besides the system''s (PEM)'
            cand --tls 'How the connection is protected, instead of what the scheme of the URL says'
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --json 'Print one JSON object a line'
            cand --allow-cleartext 'Send the password without TLS, to any host: everyone on the way can read it'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;status'= {
            cand --runs 'How many runs to show, the newest first'
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --json 'Print one JSON object a line'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;account'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
            cand rename 'Give an account another name; it keeps all that it knows, so nothing is fetched again'
            cand accept-target 'Accept the configured Maildir as it is now, after a restore or a wanted deletion'
        }
        &'fetchonce;account;rename'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;account;accept-target'= {
            cand --into 'The Maildir, where the account has several or no configuration knows it'
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --fetch-interrupted-again 'Fetch again what was interrupted on its way into a Maildir that is gone for good: it may come a second time'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;seen'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
            cand skip 'Never fetch the undelivered message with this unique-id'
            cand verify 'Check the messages whose files a failed disk operation left in doubt, and make them whole'
            cand settle 'Say what became of the messages of which only their target knows whether it has them'
        }
        &'fetchonce;seen;skip'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;seen;verify'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --repair 'Rewrite what is whole, and have the rest fetched again'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;seen;settle'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand --delivered 'Their target has them'
            cand --again 'Deliver them again'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;demo'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;man'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'fetchonce;completions'= {
            cand --config 'The configuration file, instead of ~/.config/fetchonce/config.toml'
            cand --state-dir 'Where the index and the lock of each account lie, instead of the configuration''s `state_dir`'
            cand --log-level 'Log what happens, from this level on [default: no log]'
            cand --log-to 'Where the log goes [default: stderr]; alone it means level info'
            cand --trace 'Append what is said on each connection to a file of yours, without passwords and mail'
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}

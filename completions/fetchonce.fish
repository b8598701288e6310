# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fetchonce_global_optspecs
    string join \n config= state-dir= dry-run jobs= limit= limit-bytes= limit-time= relogin= until-drained order= max-size= confirm as-new q/quiet v/verbose json into= keep= keep-newest= keep-bytes= delete-larger-than= password-command= ca-file= tls= allow-cleartext log-level= log-to= trace= h/help V/version
end

function __fish_fetchonce_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fetchonce_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fetchonce_using_subcommand
    set -l cmd (__fish_fetchonce_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fetchonce -n "__fish_fetchonce_needs_command" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l jobs -d 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l limit -d 'Most messages to fetch from each account' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l limit-bytes -d 'Begin no further message of an account once so much is fetched, such as `100 MB`' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l limit-time -d 'Begin no further message of an account after so long, such as `5m`' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l relogin -d 'End the session after so many messages, and go on in another one: deletions take effect earlier' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l order -d 'What to fetch first' -r -f -a "oldest\t''
newest\t''
smallest\t''"
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l max-size -d 'Leave larger messages on the server, such as `25 MB`' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l into -d 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l keep -d 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l keep-newest -d 'So many of the delivered messages, the newest, stay on the server' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l keep-bytes -d 'The newest of the delivered messages stay on the server, as many as are together no larger' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l delete-larger-than -d 'A larger message is deleted on the server once it is delivered' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l password-command -d 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked' -r
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l ca-file -d 'Certificates to trust besides the system\'s (PEM)' -r -F
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l tls -d 'How the connection is protected, instead of what the scheme of the URL says' -r -f -a "implicit\t''
starttls\t''
none\t''"
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l dry-run -d 'Show what would be done with each message, and change nothing, here or on the server'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l until-drained -d 'Open one session after another until nothing new is listed'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l confirm -d 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l as-new -d 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -s q -l quiet -d 'Tell only what went wrong'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -s v -l verbose -d 'Tell each step'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l json -d 'Print one JSON object a line for each step and each problem'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -l allow-cleartext -d 'Send the password without TLS, to any host: everyone on the way can read it'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -s V -l version -d 'Print version'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "fetch" -d 'Fetch all or some accounts (also what `fetchonce` alone does)'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "list" -d 'Show what is on the server, and what the next run would do with each message, and why'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "check" -d 'Look at everything that a fetch needs, here and on the server, and say what to do where it is not in order'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "status" -d 'Show the last runs of each account, what waits, and what will be deleted when; asks no server'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "account" -d 'Rename an account, or accept its Maildir as it is now'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "seen" -d 'Skip a message for good, or repair what a failing disk left in doubt'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "demo" -d 'See it work: a POP3 server with sample mail, lost connections, and a count of what arrived'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "man" -d 'Print a manual page, to be read with `man -l -` or kept among the others'
complete -c fetchonce -n "__fish_fetchonce_needs_command" -f -a "completions" -d 'Print the completion script for a shell'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l jobs -d 'Accounts fetched side by side, 1 to 64 [default: all, at most 4]' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l limit -d 'Most messages to fetch from each account' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l limit-bytes -d 'Begin no further message of an account once so much is fetched, such as `100 MB`' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l limit-time -d 'Begin no further message of an account after so long, such as `5m`' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l relogin -d 'End the session after so many messages, and go on in another one: deletions take effect earlier' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l order -d 'What to fetch first' -r -f -a "oldest\t''
newest\t''
smallest\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l max-size -d 'Leave larger messages on the server, such as `25 MB`' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l into -d 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l keep -d 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l keep-newest -d 'So many of the delivered messages, the newest, stay on the server' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l keep-bytes -d 'The newest of the delivered messages stay on the server, as many as are together no larger' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l delete-larger-than -d 'A larger message is deleted on the server once it is delivered' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l password-command -d 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l ca-file -d 'Certificates to trust besides the system\'s (PEM)' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l tls -d 'How the connection is protected, instead of what the scheme of the URL says' -r -f -a "implicit\t''
starttls\t''
none\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l dry-run -d 'Show what would be done with each message, and change nothing, here or on the server'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l until-drained -d 'Open one session after another until nothing new is listed'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l confirm -d 'Delete on the server what was removed from the Maildir, however much that is; see `delete_when_removed_locally`'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l as-new -d 'Fetch a mailbox anew, although another account here has fetched it: its mail comes a second time'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -s q -l quiet -d 'Tell only what went wrong'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -s v -l verbose -d 'Tell each step'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l json -d 'Print one JSON object a line for each step and each problem'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -l allow-cleartext -d 'Send the password without TLS, to any host: everyone on the way can read it'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l into -d 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l keep -d 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l keep-newest -d 'So many of the delivered messages, the newest, stay on the server' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l keep-bytes -d 'The newest of the delivered messages stay on the server, as many as are together no larger' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l delete-larger-than -d 'A larger message is deleted on the server once it is delivered' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l password-command -d 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l ca-file -d 'Certificates to trust besides the system\'s (PEM)' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l tls -d 'How the connection is protected, instead of what the scheme of the URL says' -r -f -a "implicit\t''
starttls\t''
none\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l json -d 'Print one JSON object a line'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l allow-cleartext -d 'Send the password without TLS, to any host: everyone on the way can read it'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -l explain -d 'Show of each new message the header fields that matter, the route that takes it, and where it goes'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand list" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l into -d 'Where the mail goes: `maildir:FOLDER`, `mbox:FILE`, `eml:FOLDER`, `stdout:`, `pipe:PROGRAM`, `lmtp:SOCKET` or `smtp:HOST`; once for each of several' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l keep -d 'How long delivered mail stays on the server: `forever`, `none` or for example `14 days` [default: forever]' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l keep-newest -d 'So many of the delivered messages, the newest, stay on the server' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l keep-bytes -d 'The newest of the delivered messages stay on the server, as many as are together no larger' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l delete-larger-than -d 'A larger message is deleted on the server once it is delivered' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l password-command -d 'A program that prints the password, with its arguments; else `FETCHONCE_PASSWORD` is read, else you are asked' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l ca-file -d 'Certificates to trust besides the system\'s (PEM)' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l tls -d 'How the connection is protected, instead of what the scheme of the URL says' -r -f -a "implicit\t''
starttls\t''
none\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l json -d 'Print one JSON object a line'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -l allow-cleartext -d 'Send the password without TLS, to any host: everyone on the way can read it'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand check" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l runs -d 'How many runs to show, the newest first' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -l json -d 'Print one JSON object a line'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand status" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -f -a "rename" -d 'Give an account another name; it keeps all that it knows, so nothing is fetched again'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and not __fish_seen_subcommand_from rename accept-target" -f -a "accept-target" -d 'Accept the configured Maildir as it is now, after a restore or a wanted deletion'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l into -d 'The Maildir, where the account has several or no configuration knows it' -r
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -l fetch-interrupted-again -d 'Fetch again what was interrupted on its way into a Maildir that is gone for good: it may come a second time'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand account; and __fish_seen_subcommand_from accept-target" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -f -a "skip" -d 'Never fetch the undelivered message with this unique-id'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -f -a "verify" -d 'Check the messages whose files a failed disk operation left in doubt, and make them whole'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and not __fish_seen_subcommand_from skip verify settle" -f -a "settle" -d 'Say what became of the messages of which only their target knows whether it has them'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from skip" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -l repair -d 'Rewrite what is whole, and have the rest fetched again'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l delivered -d 'Their target has them'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -l again -d 'Deliver them again'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand seen; and __fish_seen_subcommand_from settle" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand demo" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand man" -s h -l help -d 'Print help'
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -l config -d 'The configuration file, instead of ~/.config/fetchonce/config.toml' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -l state-dir -d 'Where the index and the lock of each account lie, instead of the configuration\'s `state_dir`' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -l log-level -d 'Log what happens, from this level on [default: no log]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -l log-to -d 'Where the log goes [default: stderr]; alone it means level info' -r -f -a "stderr\t''
journald\t''"
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -l trace -d 'Append what is said on each connection to a file of yours, without passwords and mail' -r -F
complete -c fetchonce -n "__fish_fetchonce_using_subcommand completions" -s h -l help -d 'Print help'

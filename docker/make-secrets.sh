#!/bin/sh
# make-secrets.sh [--tls | --scale] [FOLDER]: makes the passwords that production
# needs, each random, in FOLDER (secrets), and names the folder in .env, where
# Compose finds it. Never writes over a secret that is there: to change the
# passwords, remove the folder, run this again and start all services again.
#   --tls    also a private authority and the broker's certificate, and amqps://
#            URLs, for docker/prod-tls.yaml
#   --scale  also what docker-compose-scale.yaml needs: URLs of three brokers,
#            what those know each other by, the store's password and its URL
set -eu
umask 077

fail() {
    echo "make-secrets: $*" >&2
    exit 1
}

tls='' scale=''
case ${1:-} in
--tls)
    tls=1
    shift
    ;;
--scale)
    scale=1
    shift
    ;;
esac
[ $# -le 1 ] || fail "usage: make-secrets.sh [--tls | --scale] [FOLDER]"
command -v openssl >/dev/null || fail "needs openssl: apt-get install openssl"
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/secrets}
! [ -e "$folder" ] || fail "'$folder' is there already: remove it to make new secrets"

# What RabbitMQ stores of a password: base64(salt, SHA-256(salt, password)).
password_hash() {
    openssl rand 4 >"$work/salt"
    {
        cat "$work/salt"
        { cat "$work/salt" && printf %s "$1"; } | openssl dgst -sha256 -binary
    } | openssl base64 -A
}

# A user of the broker may use our names there and no other. amq.default is the
# exchange by which a message goes to a queue of that name.
user_definition() {
    printf '{"name":"%s","password_hash":"%s","hashing_algorithm":"rabbit_password_hashing_sha256","tags":[]}' \
        "$1" "$(password_hash "$2")"
}

permission_definition() {
    printf '{"user":"%s","vhost":"/","configure":"%s","write":"%s","read":"%s"}' \
        "$1" "$ours" "$ours|^amq\\\\.default$" "$ours"
}

make_certificates() {
    openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj '/CN=flixtube broker authority' \
        -keyout "$work/ca.key" -out "$work/rabbit_ca" 2>/dev/null
    openssl req -newkey rsa:3072 -nodes -subj '/CN=rabbit' \
        -keyout "$work/rabbit_tls_key" -out "$work/request" 2>/dev/null
    echo 'subjectAltName = DNS:rabbit' >"$work/extensions"
    # The authority's own key is then thrown away: it signs nothing else.
    openssl x509 -req -in "$work/request" -CA "$work/rabbit_ca" -CAkey "$work/ca.key" \
        -CAcreateserial -days 3650 -extfile "$work/extensions" -out "$work/rabbit_tls_cert" 2>/dev/null
    rm -f "$work/ca.key" "$work/request" "$work/extensions" "$work"/*.srl
}

make_scale_secrets() {
    printf %s "$(openssl rand -hex 32)" >"$work/rabbit_cookie"
    password=$(openssl rand -hex 24)
    printf %s "$password" >"$work/postgres_password"
    echo "postgresql://history:$password@postgres/history" >"$work/history_db"
}

ours='^(viewed|history\\.viewed)(\\..*)?$'
address=amqp://%s:%s@rabbit:5672
[ -z "$tls" ] || address=amqps://%s:%s@rabbit:5671
[ -z "$scale" ] || address=amqp://%s:%s@rabbit-1:5672,rabbit-2:5672,rabbit-3:5672

mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$(dirname "$folder")/.secrets.XXXXXX")
trap 'rm -rf "$work"' EXIT
[ -z "$tls" ] || make_certificates
[ -z "$scale" ] || make_scale_secrets
users='' permissions=''
for user in history streaming; do
    password=$(openssl rand -hex 24)
    # shellcheck disable=SC2059 # the address is the format
    printf "$address\n" "$user" "$password" >"$work/rabbit_url_$user"
    users="$users${users:+,}$(user_definition "$user" "$password")"
    permissions="$permissions${permissions:+,}$(permission_definition "$user")"
done
printf '{"vhosts":[{"name":"/"}],"users":[%s],"permissions":[%s]}\n' \
    "$users" "$permissions" >"$work/rabbit_definitions"
rm -f "$work/salt"
echo '*' >"$work/.gitignore"
# Compose mounts the files as they are, and the containers' users are not the
# host's: so the files are readable, and the folder lets only its owner in.
chmod 444 "$work"/*
mv "$work" "$folder"
trap - EXIT

settings=$root/.env
folder=$(cd "$folder" && pwd)
touch "$settings"
grep -v '^FLIXTUBE_SECRETS=' "$settings" >"$settings.new" || true
echo "FLIXTUBE_SECRETS=$folder" >>"$settings.new"
mv "$settings.new" "$settings"
echo "make-secrets: made $folder and named it in $settings"

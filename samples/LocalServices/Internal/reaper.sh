# Outlives its host by a moment: when the host closes this script's standard input, on purpose or by
# dying (kill -9 included), every process it still owns is killed and its temp folder removed.
# Lines read: "own PID", "disown PID". $1 is the temp folder.
trap '' INT TERM HUP
owned=' '
while read -r verb pid; do
  case $verb in
    own) owned="$owned$pid " ;;
    disown) owned=$(printf '%s' "$owned" | sed "s/ $pid / /") ;;
  esac
done
for pid in $owned; do
  # Children first: a stopped Postgres backend would not notice that its postmaster is gone.
  children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
  kill -9 "-$pid" "$pid" $children 2>/dev/null
done
for pid in $owned; do
  tries=50
  while [ $tries -gt 0 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; tries=$((tries - 1)); done
done
rm -rf -- "$1"

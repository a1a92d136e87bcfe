for i in $(seq 1 400); do timeout 100 build/dev/bin/fault_rounds --seed $((1795585124704+i*131+$1*100000)) --rounds 30 2>&1 | grep -B2 FAILED ; echo $i; done

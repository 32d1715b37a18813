/* Copyright 2026 The mmfault Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The race of ../race.h for SPIN, operation for operation. One statement is one
 * visible operation; what lies between is local and merged by SPIN. Compile
 * with -DROUNDS_A=n -DROUNDS_B=m. With -DPRINTF the pan binary prints each terminal state.
 */
#ifndef ROUNDS_A
#define ROUNDS_A 1
#endif
#ifndef ROUNDS_B
#define ROUNDS_B 1
#endif
#define A 1
#define B 2

byte users = 1;
bit mmap_sem, rmap0, rmap1;
byte head = A;
byte next[3];
bit freed[3];
byte begins[3], ends[3], releases[3];
byte page[2];
byte rc1, rc4, broken;
bit sig;
byte done;

#define LOCK(l) atomic { (l == 0) -> l = 1 }
#define UNLOCK(l) l = 0

inline begin_call(n) {
  atomic {
    if :: releases[n] != 0 -> broken = broken | 2 :: else -> skip fi;
    begins[n]++
  }
}

inline end_call(n) {
  atomic {
    if :: releases[n] != 0 -> broken = broken | 2 :: else -> skip fi;
    if
    :: ends[n] == begins[n] -> broken = broken | 4
    :: else -> ends[n]++
    fi;
    skip
  }
}

inline exit_mmap(n, m) {
  n = head;
  do
  :: n != 0 ->
     m = next[n];
     head = m;
     releases[n]++;
     n = head
  :: else -> break
  od;
  LOCK(rmap0); UNLOCK(rmap0);
  LOCK(rmap1); UNLOCK(rmap1)
}

inline mmput(n, m, last) {
  atomic { users--; last = (users == 0) };
  if :: last -> exit_mmap(n, m) :: else -> skip fi
}

inline mmget(got) {
  atomic { got = (users != 0); if :: got -> users++ :: else -> skip fi; skip }
}

proctype T1() {
  byte n, m;
  bit got, last, pending;
  mmget(got);
  if
  :: !got -> rc1 = 2
  :: else ->
     LOCK(mmap_sem);
     pending = sig;
     if
     :: pending -> rc1 = 1; UNLOCK(mmap_sem)
     :: else ->
        LOCK(rmap0);
        pending = sig;
        if
        :: pending -> rc1 = 1; UNLOCK(rmap0); UNLOCK(mmap_sem)
        :: else ->
           LOCK(rmap1);
           pending = sig;
           if
           :: pending -> rc1 = 1
           :: else -> n = head; next[B] = n; head = B
           fi;
           UNLOCK(rmap1); UNLOCK(rmap0); UNLOCK(mmap_sem)
        fi
     fi;
     mmput(n, m, last)
  fi;
  done++
}

inline walk_begin(n, f) {
  n = head;
  do
  :: n != 0 ->
     f = freed[n];
     if
     :: f -> broken = broken | 1; break
     :: else -> begin_call(n); n = next[n]
     fi
  :: else -> break
  od
}

inline walk_end(n, f) {
  n = head;
  do
  :: n != 0 ->
     f = freed[n];
     if
     :: f -> broken = broken | 1; break
     :: else -> end_call(n); n = next[n]
     fi
  :: else -> break
  od
}

proctype T2a() {
  byte n, round;
  bit f;
  do
  :: round < ROUNDS_A ->
     LOCK(rmap0);
     walk_begin(n, f);
     round++;
     page[0] = round;
     walk_end(n, f);
     UNLOCK(rmap0)
  :: else -> break
  od;
  done++
}

proctype T2b() {
  byte n, round;
  bit f;
  do
  :: round < ROUNDS_B ->
     LOCK(rmap1);
     walk_begin(n, f);
     round++;
     page[1] = round;
     walk_end(n, f);
     UNLOCK(rmap1)
  :: else -> break
  od;
  done++
}

proctype T3() {
  byte n, m;
  bit last;
  mmput(n, m, last);
  done++
}

proctype T4() {
  byte n, m;
  bit got, last;
  mmget(got);
  if
  :: !got -> rc4 = 2
  :: else ->
     LOCK(mmap_sem); LOCK(rmap0); LOCK(rmap1);
     n = head;
     if
     :: n == A -> head = 0
     :: n == B -> next[B] = 0
     :: else -> skip
     fi;
     UNLOCK(rmap1); UNLOCK(rmap0); UNLOCK(mmap_sem);
     freed[A] = 1;
     mmput(n, m, last)
  fi;
  done++
}

proctype T5() {
  sig = 1;
  done++
}

init {
  atomic {
    run T1(); run T2a(); run T2b(); run T3(); run T4(); run T5()
  }
  /* Without a reader SPIN would leave rc1 and rc4 out of the state. */
  (done == 6) -> assert(rc1 < 3 && rc4 < 3);
  printf("END rc1=%d rc4=%d head=%d n1=%d/%d/%d n2=%d/%d/%d users=%d broken=%d\n",
         rc1, rc4, head, begins[A], ends[A], releases[A], begins[B], ends[B],
         releases[B], users, broken)
}

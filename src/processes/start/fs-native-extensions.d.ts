declare module 'fs-native-extensions' {
  /** Takes an exclusive lock of an open file (Linux: F_OFD_SETLK). False when another open file has it. @throws for every other error */
  export function tryLock(fd: number): boolean;
}

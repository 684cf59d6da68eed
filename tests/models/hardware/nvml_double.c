/* A small double of the NVIDIA management library: three cards (one cut into instances, one lost). */
#include <stdio.h>
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } rates_t;
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 3 ? "Not Supported" : code == 15 ? "GPU is lost" : "Unknown"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "580.65.06"); return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = (void *)(unsigned long)(index + 1); return index == 2 ? 15 : 0; }
int nvmlDeviceGetName(void *handle, char *text, unsigned size) { snprintf(text, size, "NVIDIA H100 80GB HBM3"); return 0; }
int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) { snprintf(text, size, "GPU-double"); return 0; }
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
    memory->total = 80ULL << 30; memory->used = 1ULL << 30; memory->free = 79ULL << 30; return 0;
}
int nvmlDeviceGetUtilizationRates(void *handle, rates_t *rates) { rates->gpu = 25; rates->memory = 5; return 0; }
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *value) { *value = 41; return 0; }
int nvmlDeviceGetPowerUsage(void *handle, unsigned *value) { *value = 71500; return 0; }
int nvmlDeviceGetTotalEccErrors(void *handle, int type, int counter, unsigned long long *value) { return 3; }
int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    *current = *pending = handle == (void *)2; return 0;
}

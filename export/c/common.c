#include "common.h"

void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
  exit(2);
}

static void check(TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static uint64_t varint(Bytes *bytes) {
  uint64_t value = 0;
  for (int shift = 0; bytes->at < bytes->end && shift < 64; shift += 7) {
    uint8_t byte = *bytes->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  bytes->at = bytes->end;
  return 0;
}

/* Reads on to the next field `number` that holds bytes; 0 if there is none left. */
static int next_field(Bytes *message, uint64_t number, Bytes *field) {
  while (message->at < message->end) {
    uint64_t tag = varint(message), size = 0;
    switch (tag & 7) {
      case 0: varint(message); break;
      case 1: size = 8; break;
      case 2: size = varint(message); break;
      case 5: size = 4; break;
      default: return 0;
    }
    if (size > (uint64_t)(message->end - message->at)) return 0;
    *field = (Bytes){message->at, message->at + size};
    message->at += size;
    if ((tag & 7) == 2 && tag >> 3 == number) return 1;
  }
  return 0;
}

/* Whether a map<string, message> that is field `number` has `key`; its value. */
static int has_entry(Bytes message, uint64_t number, const char *key, Bytes *value) {
  Bytes pair, name;
  while (next_field(&message, number, &pair)) {
    Bytes rest = pair;
    if (next_field(&pair, 1, &name) && (size_t)(name.end - name.at) == strlen(key) &&
        !memcmp(name.at, key, strlen(key)) && next_field(&rest, 2, value))
      return 1;
  }
  return 0;
}

/* The value under `key`; fails without it. */
static Bytes entry(Bytes message, uint64_t number, const char *key) {
  Bytes value = message;
  if (!has_entry(message, number, key, &value))
    fail(key, "the SavedModel's signatures do not hold it");
  return value;
}

/* The tensor that the signature's input (1) or output (2) `key` stands for: its name is "op:index". */
static TF_Output endpoint(const Model *model, uint64_t side, const char *key) {
  Bytes info = entry(model->signature, side, key), name;
  if (!next_field(&info, 1, &name)) fail(key, "its signature names no tensor");
  char *text = strndup((const char *)name.at, name.end - name.at);
  char *colon = strrchr(text, ':');
  if (colon) *colon = '\0';
  TF_Output output = {TF_GraphOperationByName(model->graph, text), colon ? atoi(colon + 1) : 0};
  if (!output.oper) fail(text, "the graph has no such operation");
  free(text);
  return output;
}

int has_input(const Model *model, const char *key) {
  Bytes info;
  return has_entry(model->signature, 1, key, &info);
}

int has_output(const Model *model, const char *key) {
  Bytes info;
  return has_entry(model->signature, 2, key, &info);
}

TF_Output input(const Model *model, const char *key) { return endpoint(model, 1, key); }

TF_Output output(const Model *model, const char *key) { return endpoint(model, 2, key); }

Model load_model(const char *artifact, const char *op_library) {
  /* Opened once: if another artifact takes its place, all files are still read from the same one. */
  int opened = open(artifact, O_RDONLY | O_DIRECTORY);
  if (opened < 0) fail(artifact, strerror(errno));
  char *directory;
  if (asprintf(&directory, "/proc/self/fd/%d/saved_model/1", opened) < 0)
    fail("memory", "there is none left");
  TF_Status *status = TF_NewStatus();
  Model model = {.library = TF_LoadLibrary(op_library, status)};
  check(status, op_library);
  model.graph = TF_NewGraph();
  model.description = TF_NewBuffer();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  model.session = TF_LoadSessionFromSavedModel(options, NULL, directory, tags, 1, model.graph,
                                               model.description, status);
  check(status, artifact);
  close(opened);
  /* MetaGraphDef.signature_def = 5; SignatureDef.inputs = 1, .outputs = 2; TensorInfo.name = 1. */
  const uint8_t *start = model.description->data;
  model.signature = entry((Bytes){start, start + model.description->length}, 5, "serving_default");
  TF_DeleteSessionOptions(options);
  TF_DeleteStatus(status);
  free(directory);
  return model;
}

void free_model(Model *model) {
  TF_Status *status = TF_NewStatus();
  TF_CloseSession(model->session, status);
  TF_DeleteSession(model->session, status);
  TF_DeleteStatus(status);
  TF_DeleteGraph(model->graph);
  TF_DeleteBuffer(model->description);
  TF_DeleteLibraryHandle(model->library);
}

void run(const Model *model, const TF_Output *inputs, TF_Tensor *const *values_in, int number_in,
         const TF_Output *outputs, TF_Tensor **values_out, int number_out) {
  TF_Status *status = TF_NewStatus();
  TF_SessionRun(model->session, NULL, inputs, values_in, number_in, outputs, values_out, number_out,
                NULL, 0, NULL, status);
  check(status, "running the model");
  TF_DeleteStatus(status);
}

TF_Tensor *strings(const Text *texts, int64_t count) {
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, &count, 1, count * sizeof(TF_TString));
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) {
    TF_StringInit(&values[i]);
    TF_StringCopy(&values[i], texts[i].start, texts[i].size);
  }
  return tensor;
}

void free_strings(TF_Tensor *tensor) {
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); i++) TF_StringDealloc(&values[i]);
  TF_DeleteTensor(tensor);
}

void print_string(const TF_TString *value) {
  fwrite(TF_StringGetDataPointer(value), 1, TF_StringGetSize(value), stdout);
}

int64_t read_lines(Text *lines) {
  for (int64_t count = 0; count < BATCH; count++) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = getline(&line, &capacity, stdin);
    if (size < 0) {
      free(line);
      if (ferror(stdin)) fail("standard input", strerror(errno));
      return count;
    }
    lines[count] = (Text){line, size - (size && line[size - 1] == '\n')};
  }
  return BATCH;
}

void free_lines(Text *lines, int64_t count) {
  for (int64_t i = 0; i < count; i++) free(lines[i].start);
}

int finish(void) {
  if (fflush(stdout) || ferror(stdout)) fail("standard output cannot be written", strerror(errno));
  return 0;
}

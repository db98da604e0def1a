# SPDX-License-Identifier: MIT
# Fork-join, loops, graphs, sorts: a program per workload, system and compiler, which is the workload's main file and
# one file that is compiled for the system. The systems filch and serial are built by clang too, beside the compiler of the
# build, since each is measured against serial code of its own compiler; libomp comes with clang. CMake knows one C
# compiler per build, so clang's objects are made by commands.
find_package(OpenMP QUIET COMPONENTS C)
find_program(BENCH_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
if(BENCH_CLANG)
    execute_process(COMMAND ${BENCH_CLANG} -print-resource-dir
        OUTPUT_VARIABLE BENCH_CLANG_RESOURCES OUTPUT_STRIP_TRAILING_WHITESPACE)
    get_filename_component(BENCH_CLANG_LIBRARIES "${BENCH_CLANG_RESOURCES}/../.." ABSOLUTE)
    find_library(BENCH_LIBOMP NAMES omp HINTS ${BENCH_CLANG_LIBRARIES})
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND OpenMP_C_FOUND)
    separate_arguments(BENCH_OPENMP_FLAGS NATIVE_COMMAND "${OpenMP_C_FLAGS}")
    set(BENCH_HAVE_LIBGOMP TRUE)
else()
    message(STATUS "bench: libgomp, or gcc for it, is not found and is left out")
endif()
if(NOT BENCH_CLANG)
    message(STATUS "bench: clang is not found: no figures of its code, and no libomp")
elseif(NOT BENCH_LIBOMP)
    message(STATUS "bench: libomp is not found and is left out")
endif()

# The build type's flags, for clang.
separate_arguments(BENCH_CLANG_FLAGS NATIVE_COMMAND "${CMAKE_C_FLAGS_RELEASE}")
if(FILCH_WERROR)
    list(APPEND BENCH_CLANG_FLAGS -Wall -Wextra -Wshadow -Werror -Wstrict-prototypes -Wmissing-prototypes)
endif()

# bench_main(NAME FILES...): the object library bench_<NAME>_main of a main file that several programs share.
function(bench_main name)
    add_library(bench_${name}_main OBJECT ${ARGN} harness/system.c harness/system.h)
    bench_compile(bench_${name}_main)
endfunction()

# bench_part(NAME MAIN FILE DEFINES FLAGS LIBRARIES): the program <build>/bench/<NAME>, whose FILE is compiled by the
# compiler of the build.
function(bench_part name)
    cmake_parse_arguments(arg "" "MAIN;FILE" "DEFINES;FLAGS;LIBRARIES" ${ARGN})
    bench_program(${name} FILES $<TARGET_OBJECTS:bench_${arg_MAIN}_main> ${arg_FILE} LIBRARIES ${arg_LIBRARIES} m)
    string(REPLACE "/" "_" target bench_${name})
    target_compile_definitions(${target} PRIVATE ${arg_DEFINES})
    target_compile_options(${target} PRIVATE ${arg_FLAGS})
endfunction()

# The same with FILE, and nothing else, compiled by clang.
function(bench_part_clang name)
    cmake_parse_arguments(arg "" "MAIN;FILE" "DEFINES;FLAGS;LIBRARIES" ${ARGN})
    list(TRANSFORM arg_DEFINES PREPEND -D)
    string(REPLACE "/" "_" stem ${name})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/clang/${stem}.o)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/clang)
    add_custom_command(
        OUTPUT ${object}
        COMMAND ${BENCH_CLANG} -std=c11 ${BENCH_CLANG_FLAGS} -O3 ${arg_FLAGS} ${arg_DEFINES}
            -I${PROJECT_SOURCE_DIR}/include -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${arg_FILE} -o ${object}
        DEPENDS ${arg_FILE}
        DEPFILE ${object}.d
        COMMENT "clang: ${name}"
        VERBATIM)
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    bench_program(${name} FILES $<TARGET_OBJECTS:bench_${arg_MAIN}_main> ${object} LIBRARIES ${arg_LIBRARIES} m)
endfunction()

# bench_openmp(WORKLOAD MAIN file DEFINES...): libgomp's and libomp's program from one file.
function(bench_openmp workload main file)
    if(BENCH_HAVE_LIBGOMP)
        bench_part(${workload}/libgomp MAIN ${main} FILE ${file} DEFINES ${ARGN} FLAGS ${BENCH_OPENMP_FLAGS}
            LIBRARIES ${OpenMP_C_LIBRARIES})
    endif()
    if(BENCH_CLANG AND BENCH_LIBOMP)
        bench_part_clang(${workload}/libomp MAIN ${main} FILE ${file} DEFINES ${ARGN} FLAGS -fopenmp
            LIBRARIES ${BENCH_LIBOMP})
    endif()
endfunction()

function(bench_onetbb workload main file)
    if(BENCH_TBB_FOUND AND CMAKE_CXX_COMPILER)
        bench_part(${workload}/onetbb MAIN ${main} FILE ${file} DEFINES ${ARGN} LIBRARIES PkgConfig::BENCH_TBB)
    endif()
endfunction()

# bench_own(WORKLOAD FILE DEFINES...): filch or serial, by both compilers.
function(bench_own workload system main file)
    set(libraries)
    if(system STREQUAL "filch")
        set(libraries filch::filch)
    endif()
    bench_part(${workload}/${system} MAIN ${main} FILE ${file} DEFINES ${ARGN} LIBRARIES ${libraries})
    if(BENCH_CLANG)
        bench_part_clang(${workload}/${system}-clang MAIN ${main} FILE ${file} DEFINES ${ARGN} LIBRARIES ${libraries})
    endif()
endfunction()

bench_main(fork fork/main.c fork/kernel.h)
foreach(kernel IN ITEMS fib nqueens uts cilksort matmul strassen heat lu knapsack skynet integrate)
    bench_own(${kernel} serial fork kernels/${kernel}.c FORK_ON_SERIAL)
    bench_own(${kernel} filch fork kernels/${kernel}.c FORK_ON_FILCH)
    bench_openmp(${kernel} fork kernels/${kernel}.c FORK_ON_OPENMP)
    bench_onetbb(${kernel} fork fork/onetbb.cpp FORK_KERNEL="${CMAKE_CURRENT_SOURCE_DIR}/kernels/${kernel}.c")
endforeach()
bench_own(depth filch fork kernels/depth.c FORK_ON_FILCH)

# One file per system.
foreach(workload IN ITEMS loop graph sort)
    bench_main(${workload} ${workload}/${workload}.c ${workload}/${workload}.h)
    bench_own(${workload} serial ${workload} ${workload}/serial.c)
    bench_own(${workload} filch ${workload} ${workload}/filch.c)
    bench_onetbb(${workload} ${workload} ${workload}/onetbb.cpp)
endforeach()
bench_openmp(loop loop loop/openmp.c)
bench_openmp(graph graph graph/openmp.c)

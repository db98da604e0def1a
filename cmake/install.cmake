# SPDX-License-Identifier: MIT
# Installs both libraries, the headers, the CMake package, filch.pc, gdb's commands and filch-report.
#
# The targets are exported in two files: a program that links the shared library needs no liburcu to build, one that links
# the static library does, and filch-config.cmake loads the second file only where liburcu is found.
include(CMakePackageConfigHelpers)

set(FILCH_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/filch)

install(TARGETS filch EXPORT filch-shared FILE_SET HEADERS)
install(TARGETS filch_static EXPORT filch-static FILE_SET HEADERS)
foreach(kind IN ITEMS shared static)
    install(EXPORT filch-${kind} NAMESPACE filch:: DESTINATION ${FILCH_PACKAGE_DIR} FILE filch-${kind}.cmake)
endforeach()

configure_package_config_file(cmake/filch-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/filch-config.cmake
    INSTALL_DESTINATION ${FILCH_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/filch-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${CMAKE_CURRENT_BINARY_DIR}/filch-config.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/filch-config-version.cmake
    DESTINATION ${FILCH_PACKAGE_DIR})

# The prefix is given relative to the file, so that `cmake --install --prefix` and a moved tree need no edit.
file(RELATIVE_PATH FILCH_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" FILCH_PC_PREFIX "${FILCH_PC_PREFIX}")
file(RELATIVE_PATH FILCH_PC_LIBDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH FILCH_PC_INCLUDEDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(cmake/filch.pc.in ${CMAKE_CURRENT_BINARY_DIR}/filch.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/filch.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Where gdb looks when it loads the library: under the library's own full name. The prefix is that of the installation.
install(FILES tools/filch-gdb.py
    DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}
    RENAME $<TARGET_FILE_NAME:filch>-gdb.py)

# filch-report looks for its modules from where it is itself, so that a moved tree needs no edit either.
file(RELATIVE_PATH FILCH_REPORT_PLACE ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR}/filch)
file(READ bench/tools/filch-report FILCH_REPORT)
string(REPLACE "../share/filch" "${FILCH_REPORT_PLACE}" FILCH_REPORT "${FILCH_REPORT}")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/filch-report CONTENT "${FILCH_REPORT}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS bench/tools/filch-report)
install(PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/filch-report DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY bench/tools/filch_report DESTINATION ${CMAKE_INSTALL_DATADIR}/filch
    FILES_MATCHING PATTERN "*.py" PATTERN "*.css" PATTERN "*.js" PATTERN "__pycache__" EXCLUDE)
